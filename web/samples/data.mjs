// Invented people and companies for the samples.
export const people = [['Lin Yue', '林悦', 'LY', 3], ['Chen Hao', '陈浩', 'CH', 0], ['Maria Ortiz', '玛丽亚·奥尔蒂斯', 'MO', 2], ['Wang Jing', '王静', 'WJ', 1], ['Tom Becker', '汤姆·贝克尔', 'TB', 4], ['Zhao Min', '赵敏', 'ZM', 5]]
export const accounts = [
  ['Yunfan Smart Manufacturing', '云帆智造（苏州）有限公司', 'Manufacturing', '智能制造', 'Suzhou', '苏州', 0, 0, 1285000, 3, 'good', '2026-11-20', 12],
  ['Northwind Robotics', '北风机器人', 'Robotics', '机器人', 'Shenzhen', '深圳', 1, 4, 860000, 2, 'info', '2026-11-22', 3],
  ['Hanse Logistics GmbH', '汉萨物流', 'Logistics', '物流', 'Hamburg', '汉堡', 2, 2, 2340000, 5, 'good', '2026-11-23', 1],
  ['Qinghe Biotech', '清禾生物科技股份有限公司', 'Life science', '生物医药', 'Hangzhou', '杭州', 3, 1, 540000, 1, 'warn', '2026-10-28', 27],
  ['Blue Harbour Foods', '蓝港食品', 'Food', '食品', 'Qingdao', '青岛', 0, 5, 312000, 1, 'neutral', '2026-11-02', 22],
  ['Tianmu Energy Storage', '天目储能', 'Energy', '新能源', 'Ningbo', '宁波', 4, 6, 4120000, 4, 'good', '2026-11-24', 0],
  ['Kestrel Instruments', '红隼仪器', 'Instruments', '仪器仪表', 'Leeds', '利兹', 5, 7, 198500, 1, 'bad', '2026-09-30', 55],
  ['Fangzhou Medical', '方舟医疗器械', 'Medical devices', '医疗器械', 'Wuhan', '武汉', 1, 3, 775000, 2, 'info', '2026-11-18', 6],
  ['Lakeside Retail Group', '湖畔零售集团', 'Retail', '零售', 'Chengdu', '成都', 2, 0, 1030000, 2, 'warn', '2026-11-05', 19],
  ['Oriole Software', '黄鹂软件', 'Software', '软件', 'Nanjing', '南京', 3, 4, 265000, 1, 'info', '2026-11-21', 4],
  ['Jinling Precision', '金陵精密', 'Manufacturing', '精密制造', 'Nanjing', '南京', 0, 2, 1890000, 3, 'good', '2026-11-19', 5],
  ['Solvang Shipping', '索尔旺航运', 'Shipping', '航运', 'Oslo', '奥斯陆', 4, 1, 0, 0, 'neutral', '2026-08-12', 104],
]
export const tiers = { good: ['Strategic', '战略'], info: ['Growing', '成长'], warn: ['At risk', '有风险'], bad: ['Dormant', '沉睡'], neutral: ['Standard', '普通'] }
export const stages = [['qualify', 'Qualify', '资格确认', 1, 10], ['discover', 'Discover', '需求挖掘', 2, 25], ['propose', 'Propose', '方案报价', 3, 50], ['negotiate', 'Negotiate', '商务谈判', 4, 75], ['won', 'Won', '赢单', 'won', 100]]
export const deals = [
  ['d1', 'qualify', 'Line 4 vision inspection', '4 号线视觉检测', 1, 420000, '2026-12-18', 0, 4, 'calendar-event', ''],
  ['d2', 'qualify', 'Cold-chain sensors pilot', '冷链传感器试点', 4, 96000, '2027-01-15', 3, 11, 'phone', ''],
  ['d3', 'qualify', 'Warehouse audit', '仓库盘点系统', 8, 150000, '2027-01-29', 2, 2, 'mail', ''],
  ['d4', 'discover', 'Battery test bench, phase 2', '电池测试台二期', 5, 1860000, '2026-12-30', 4, 9, 'calendar-event', ''],
  ['d5', 'discover', 'Lab data platform', '实验室数据平台', 3, 540000, '2026-11-12', 3, 33, '', 'late'],
  ['d6', 'discover', 'Regional service contract', '区域服务合同', 7, 275000, '2026-12-22', 1, 6, 'phone', ''],
  ['d7', 'propose', 'MES rollout, three plants', 'MES 三厂推广', 0, 1285000, '2026-12-11', 0, 14, 'mail', ''],
  ['d8', 'propose', 'Fleet tracking renewal', '车队定位续约', 2, 640000, '2026-12-05', 2, 5, 'calendar-event', ''],
  ['d9', 'propose', 'Store analytics', '门店分析', 8, 380000, '2026-12-20', 2, 21, '', 'warn'],
  ['d10', 'negotiate', 'Hamburg hub automation', '汉堡枢纽自动化', 2, 1700000, '2026-11-28', 2, 8, 'phone', ''],
  ['d11', 'negotiate', 'Precision gauges, framework', '精密量具框架协议', 10, 920000, '2026-12-03', 0, 3, 'calendar-event', ''],
  ['d12', 'won', 'Calibration service 2027', '2027 年校准服务', 10, 310000, '2026-11-19', 0, 0, '', ''],
]
export const money = (lang, value) => lang === 'zh-CN'
  ? '¥' + (value >= 1e4 ? (value / 1e4).toLocaleString('zh-CN', { maximumFractionDigits: 1 }) + '万' : value.toLocaleString('zh-CN'))
  : '¥' + (value >= 1e6 ? (value / 1e6).toFixed(2) + 'M' : value >= 1e3 ? (value / 1e3).toFixed(0) + 'K' : value)
export const date = (lang, iso) => { const [y, m, d] = iso.split('-').map(Number); return lang === 'zh-CN' ? `${y === 2026 ? '' : y + '年'}${m}月${d}日` : `${d} ${'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')[m - 1]}${y === 2026 ? '' : ' ' + y}` }

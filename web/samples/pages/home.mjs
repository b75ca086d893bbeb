// Home of a seller: what to do next, then how it stands.
import { framed, icon } from '../frame.mjs'
import { date, money } from '../data.mjs'

export const home = ctx => {
  const { t, lang } = ctx
  const task = (text, about, when, late) => `<li><button class="task-tick" aria-label="${t('Done', '完成')}: ${text}">${icon('circle')}</button><div class="grow"><a href="/tasks/1">${text}</a><div class="tiny dim clip">${about}</div></div><span class="tiny ${late ? 'late' : 'dim'} text-nowrap">${when}</span></li>`
  const risk = (name, why, amount) => `<li><div class="grow"><a href="/opportunities/1">${name}</a><div class="tiny warn">${why}</div></div><span class="tnum fw-bold">${amount}</span></li>`
  return framed({ ...ctx, title: t('Home', '工作台') }, { here: '/' }, `
<div class="page-head"><div><h1>${t('Good morning, Lin Yue', '林悦，早上好')}</h1><p class="page-sub">${t('Tuesday 24 November · week 8 of Q4', '11月24日 星期二 · 第四季度第 8 周')}</p></div></div>
<!-- tiles -->
<dl class="tiles mb-3">
  <div class="tile"><dt>${t('Closed this quarter', '本季已成交')}</dt><dd class="tile-value">${money(lang, 2410000)}</dd><dd><meter class="bar" min="0" max="100" value="60" aria-label="${t('60% of target', '完成目标的 60%')}">60%</meter><span class="tile-note">${t('60% of', '目标的 60%，')} ${money(lang, 4000000)}</span></dd></div>
  <div class="tile"><dt>${t('Commit', '承诺')}</dt><dd class="tile-value">${money(lang, 920000)}</dd><dd class="tile-note"><span class="good">${icon('trending-up', 'icon-s')} ${money(lang, 140000)}</span> ${t('since Monday', '较周一')}</dd></div>
  <div class="tile"><dt>${t('Pipeline coverage', '商机覆盖率')}</dt><dd class="tile-value">3.4×</dd><dd class="tile-note">${t('of what is left; 3× is enough', '对剩余目标；3 倍为足')}</dd></div>
  <div class="tile"><dt>${t('Next steps overdue', '逾期下一步')}</dt><dd class="tile-value late">3</dd><dd class="tile-note"><a href="/tasks">${t('Show them', '查看')}</a></dd></div>
</dl>
<div class="halves">
  <section class="panel" aria-labelledby="today"><div class="panel-head"><h2 id="today">${t('Today', '今天要做')}</h2><a class="btn btn-sm btn-ghost" href="/tasks/new" data-dialog="/dialog/new">${icon('plus')}${t('Task', '任务')}</a></div><ul class="rows">
    ${task(t('Call Gao Lei about the quote', '就报价致电高磊'), t('MES rollout · Yunfan Smart Manufacturing', 'MES 三厂推广 · 云帆智造'), t('2 days late', '逾期 2 天'), true)}
    ${task(t('Send automotive references', '发送汽车行业案例'), t('MES rollout · Yunfan Smart Manufacturing', 'MES 三厂推广 · 云帆智造'), t('1 day late', '逾期 1 天'), true)}
    ${task(t('Prepare the visit to Hamburg', '准备汉堡拜访'), t('Hamburg hub automation · Hanse Logistics', '汉堡枢纽自动化 · 汉萨物流'), '14:00')}
    ${task(t('Agree the quota with Chen Hao', '与陈浩确认目标'), t('Quota 2027', '2027 年目标'), '16:30')}</ul></section>
  <section class="panel" aria-labelledby="risk"><div class="panel-head"><h2 id="risk">${t('Deals at risk', '有风险的商机')}</h2></div><ul class="rows">
    ${risk(t('Lab data platform', '实验室数据平台'), t('Close date passed 12 days ago', '预计成交日已过 12 天'), money(lang, 540000))}
    ${risk(t('Store analytics', '门店分析'), t('21 days in stage, usual is 9', '停留 21 天，通常 9 天'), money(lang, 380000))}
    ${risk(t('MES rollout, three plants', 'MES 三厂推广'), t('No answer for 9 days', '9 天未回复'), money(lang, 1285000))}</ul><div class="panel-foot"><a href="/opportunities?view=risk">${t('All 5 at risk', '全部 5 个')}</a></div></section>
</div>`)
}

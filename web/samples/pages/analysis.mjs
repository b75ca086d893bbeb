// Analysis: each chart has a sentence, a canvas, the numbers as JSON, and the same numbers as a table.
import { framed, icon } from '../frame.mjs'
import { money } from '../data.mjs'

const chart = (ctx, kind, title, sentence, picture, size = '') => {
  const { t } = ctx
  const id = 'c-' + title.replace(/\W+/g, '') + kind
  return `<section class="panel" aria-labelledby="${id}"><div class="panel-head"><h2 id="${id}">${title}</h2></div><div class="panel-body">
  <figure class="chart" data-chart="${kind}" aria-label="${title}: ${sentence}">
    <figcaption>${sentence}</figcaption>
    <div class="chart-canvas ${size}" role="img" aria-label="${title}: ${sentence}"></div>
    <script type="application/json">${JSON.stringify(picture).replaceAll('<', '\\u003c')}</script>
    <details><summary>${t('Show the numbers', '查看数据表')}</summary><div class="scroll-x" tabindex="0" role="region" aria-label="${title}"><table class="plain-table"><thead><tr><th scope="col">${t('Item', '项目')}</th>${picture.series.map(s => `<th scope="col" class="num">${s.name || t('Value', '数值')}</th>`).join('')}</tr></thead><tbody>${picture.categories.map((c, i) => `<tr><th scope="row">${c}</th>${picture.series.map(s => `<td class="num">${s.text?.[i] ?? s.values[i] ?? '–'}</td>`).join('')}</tr>`).join('')}</tbody></table></div></details>
  </figure></div></section>`
}

export const analysis = ctx => {
  const { t, lang } = ctx
  const axis = lang === 'zh-CN' ? [{ at: 1e4, text: '万' }, { at: 1e8, text: '亿' }] : [{ at: 1e3, text: 'K' }, { at: 1e6, text: 'M' }]
  const m = values => ({ values, text: values.map(v => v == null ? '' : money(lang, v)) })
  const signed = values => ({ values, text: values.map((v, i) => (i > 0 && i < values.length - 1 ? (v >= 0 ? '+' : '−') : '') + money(lang, Math.abs(v))) })
  const months = t('Jul Aug Sep Oct Nov Dec', '7月 8月 9月 10月 11月 12月').split(' ')
  return framed({ ...ctx, title: t('Reports', '报表') }, { here: '/analysis', charts: true }, `
<div class="page-head"><div><h1>${t('Pipeline analysis', '商机分析')}</h1><p class="page-sub">${t('East China · Q4 2026 · as of today 09:00', '华东区 · 2026 年第四季度 · 截至今天 09:00')}</p></div><div class="page-actions"><nav class="seg" aria-label="${t('Period', '期间')}"><a href="?p=month">${t('Month', '月')}</a><a href="?p=quarter" aria-current="page">${t('Quarter', '季度')}</a><a href="?p=year">${t('Year', '年')}</a></nav><a class="btn" href="?print">${icon('printer')}${t('Print', '打印')}</a></div></div>
<dl class="tiles mb-3">
  <div class="tile"><dt>${t('Open pipeline', '进行中金额')}</dt><dd class="tile-value">${money(lang, 13635500)}</dd><dd class="tile-note">${t('61 deals', '61 个商机')}</dd></div>
  <div class="tile"><dt>${t('Win rate', '赢单率')}</dt><dd class="tile-value">31%</dd><dd class="tile-note"><span class="good">${icon('trending-up', 'icon-s')} 4 pt</span> ${t('on Q3', '较三季度')}</dd></div>
  <div class="tile"><dt>${t('Sales cycle', '销售周期')}</dt><dd class="tile-value">74 ${t('d', '天')}</dd><dd class="tile-note"><span class="late">${icon('trending-up', 'icon-s')} 6 ${t('d', '天')}</span> ${t('on Q3', '较三季度')}</dd></div>
  <div class="tile"><dt>${t('Average deal', '平均单额')}</dt><dd class="tile-value">${money(lang, 223500)}</dd><dd class="tile-note">${t('won, last 12 months', '近 12 个月赢单')}</dd></div>
</dl>
<div class="halves">
${chart(ctx, 'line', t('Forecast against plan', '预测与计划'), t('The forecast ends December at 5.62M, 6% under plan; the band holds 8 of 10 outcomes.', '预测 12 月末 562 万，低于计划 6%；带内为十分之八的可能。'), { categories: months, unit: t('CNY', '元'), axis, intervalName: 'P10–P90', intervals: [null, null, null, [3.1e6, 3.1e6], [3.7e6, 4.6e6], [4.7e6, 6.5e6]], series: [{ name: t('Closed and forecast', '已成交与预测'), ...m([0.9e6, 1.7e6, 2.4e6, 3.1e6, 4.2e6, 5.62e6]) }, { name: t('Plan', '计划'), dashed: true, colour: 'quiet', ...m([1e6, 2e6, 3e6, 4e6, 5e6, 6e6]) }] })}
${chart(ctx, 'waterfall', t('What moved the pipeline', '商机变动'), t('New deals brought 4.1M; 2.2M slipped out of the quarter.', '新增 410 万，220 万推迟到下季度。'), { categories: t('Start,New,Pulled in,Pushed,Lost,Won,Now', '期初,新增,提前,推迟,丢单,赢单,当前').split(','), unit: t('CNY', '元'), axis, totals: [0, 6], series: [{ name: '', ...signed([9.2e6, 4.1e6, 0.8e6, -2.2e6, -1.4e6, -2.4e6, 8.1e6]) }] })}
${chart(ctx, 'funnel', t('Stage conversion', '阶段转化'), t('Half of what is proposed is negotiated; most is lost before discovery.', '方案有一半进入谈判；多数在需求挖掘前流失。'), { categories: t('Qualify,Discover,Propose,Negotiate,Won', '资格确认,需求挖掘,方案报价,商务谈判,赢单').split(','), series: [{ name: '', values: [184, 102, 66, 33, 21], text: ['184', '102 · 55%', '66 · 65%', '33 · 50%', '21 · 64%'], hrefs: Array(5).fill('/opportunities?stage=x') }] })}
${chart(ctx, 'bar', t('Attainment by seller', '个人完成率'), t('Two of six are above their quota; whiskers show the likely range at year end.', '六人中两人超额；线段为年末可能范围。'), { horizontal: true, categories: t('Tom Becker,Lin Yue,Wang Jing,Chen Hao,Maria Ortiz,Zhao Min', '汤姆,林悦,王静,陈浩,玛丽亚,赵敏').split(','), intervals: [[104, 128], [92, 114], [78, 101], [70, 95], [60, 88], [41, 70]], axis: [{ at: 0, text: '%' }].map(() => ({ at: 1, text: '%' })), series: [{ name: '', values: [112, 101, 88, 82, 74, 55], text: ['112%', '101%', '88%', '82%', '74%', '55%'], hrefs: Array(6).fill('/team/1') }] })}
</div>
<div class="mt-3">
${chart(ctx, 'stacked', t('Pipeline by category and month', '各月商机构成'), t('December holds most of the quarter; commit covers half of it.', '12 月占本季大头，其中一半为承诺。'), { categories: months, unit: t('CNY', '元'), axis, series: [{ name: t('Closed', '已成交'), ...m([0.9e6, 0.8e6, 0.7e6, 0.7e6, 0.3e6, 0]), colour: 'good' }, { name: t('Commit', '承诺'), ...m([0, 0, 0, 0, 0.9e6, 1.6e6]) }, { name: t('Best case', '乐观'), ...m([0, 0, 0, 0, 0.5e6, 1.2e6]) }, { name: t('Pipeline', '进行中'), colour: 'quiet', ...m([0, 0, 0, 0, 0.4e6, 2.1e6]) }] })}
</div>`)
}

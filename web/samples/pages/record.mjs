// Record page: identity, stage path, key facts, tabs, one timeline, a panel of fields that edit in place.
import { framed, icon } from '../frame.mjs'
import { date, money, people } from '../data.mjs'
import { who } from './list.mjs'

const event = (mark, name, line, time, body = '') => `
    <li class="event"><span class="event-mark ${mark}">${icon(name)}</span><div><div class="event-line">${line}<time datetime="2026-11-23T10:12">${time}</time></div>${body ? `<div class="event-body">${body}</div>` : ''}</div></li>`
const prop = (label, value, url) => `<div><dt>${label}</dt><dd${url ? ` data-edit="${url}" tabindex="0" aria-describedby="can-edit"` : ''}>${value}</dd></div>`

export const record = ctx => {
  const { t, lang } = ctx
  const person = n => `<b>${t(people[n][0], people[n][1])}</b>`
  const change = (from, to) => `<span class="change"><del>${from}</del>${icon('arrow-right', 'icon-s')}<ins>${to}</ins></span>`
  return framed({ ...ctx, title: t('MES rollout, three plants', 'MES 三厂推广') }, { here: '/board' }, `
<!-- breadcrumb -->
<nav aria-label="${t('Breadcrumb', '位置')}"><ol class="crumbs"><li><a href="/board">${t('Opportunities', '商机')}</a></li><li><a href="/accounts/1">${t('Yunfan Smart Manufacturing', '云帆智造')}</a></li></ol></nav>
<!-- record head -->
<div class="record-head">
  <span class="av av-xl av-square av-0" aria-hidden="true">M</span>
  <div class="record-name"><h1>${t('MES rollout, three plants', 'MES 三厂推广')}</h1>
    <div class="record-meta"><a href="/accounts/1">${t('Yunfan Smart Manufacturing (Suzhou)', '云帆智造（苏州）有限公司')}</a>${who(ctx, 0)}<span class="pill pill-accent">${t('Best case', '乐观预测')}</span><span>${t('Edited 2 h ago by Chen Hao', '陈浩 2 小时前修改')}</span></div></div>
  <div class="page-actions">
    <a class="btn" href="edit" data-key="e" data-dialog="/dialog/new">${icon('pencil')}${t('Edit', '编辑')}</a>
    <details class="menu menu-end"><summary class="btn" aria-label="${t('More actions', '更多操作')}">${icon('dots')}</summary><div class="menu-list"><button class="menu-item" data-copy="https://crm.example/opportunities/1" data-copied="${t('Link copied', '链接已复制')}">${icon('link')}${t('Copy link', '复制链接')}</button><a class="menu-item" href="?print">${icon('printer')}${t('Print', '打印')}</a><hr class="menu-sep"><form method="post" action="trash"><button class="menu-item is-danger" data-confirm="${t('It stays in the trash for 30 days.', '回收站保留 30 天。')}">${icon('trash')}${t('Move to trash', '移入回收站')}</button></form></div></details>
    <form method="post" action="/opportunities/d7/stage" data-move-form hx-post="/opportunities/d7/stage" hx-swap="none"><input type="hidden" name="version" value="3"><button class="btn btn-primary" name="stage" value="negotiate">${icon('check')}${t('Move to Negotiate', '进入商务谈判')}</button></form>
  </div>
</div>

<!-- stage path: each stage is a button of one form -->
<form method="post" action="/opportunities/d7/stage" data-move-form hx-post="/opportunities/d7/stage" hx-swap="none"><input type="hidden" name="version" value="3">
<ol class="path" aria-label="${t('Stage', '阶段')}">
  <li><button class="is-done" name="stage" value="qualify">${icon('check', 'icon-s')}${t('Qualify', '资格确认')}</button></li>
  <li><button class="is-done" name="stage" value="discover">${icon('check', 'icon-s')}${t('Discover', '需求挖掘')}</button></li>
  <li><span aria-current="step">${t('Propose · 14 d', '方案报价 · 14 天')}</span></li>
  <li><button name="stage" value="negotiate">${t('Negotiate', '商务谈判')}</button></li>
  <li><button name="stage" value="won">${t('Won', '赢单')}</button></li>
</ol></form>

<!-- key facts -->
<dl class="facts">
  <div><dt>${t('Amount', '金额')}</dt><dd title="¥1,285,000.00">${money(lang, 1285000)}</dd></div>
  <div><dt>${t('Chance', '赢率')}</dt><dd>50% <span class="tiny dim fw-normal">${t('model 58%', '模型 58%')}</span></dd></div>
  <div><dt>${t('Close date', '预计成交')}</dt><dd>${date(lang, '2026-12-11')}</dd></div>
  <div><dt>${t('Next step', '下一步')}</dt><dd class="late">${t('2 days overdue', '逾期 2 天')}</dd></div>
  <div><dt>${t('Coverage of plan', '评分')}</dt><dd>82 / 100</dd></div>
</dl>

<div class="split">
<div>
  <!-- tabs -->
  <nav aria-label="${t('Sections', '栏目')}"><ul class="tabs"><li><a href="?tab=timeline" aria-current="page">${t('Timeline', '动态')}</a></li><li><a href="?tab=details">${t('Details', '详情')}</a></li><li><a href="?tab=contacts">${t('Contacts', '联系人')} <span class="count">4</span></a></li><li><a href="?tab=quotes">${t('Quotes', '报价')} <span class="count">2</span></a></li><li><a href="?tab=files">${t('Files', '文件')} <span class="count">6</span></a></li><li><a href="?tab=history">${t('History', '历史')}</a></li></ul></nav>
  <!-- what to do next -->
  <div class="notice notice-warn mb-3">${icon('alert-triangle')}<p>${t('The buyer has not answered the quote for 9 days. Call Gao Lei, or set a new next step.', '客户已 9 天未回复报价。请致电高磊，或安排新的下一步。')} <a href="/calls/new" data-dialog="/dialog/new">${t('Log a call', '记录电话')}</a></p></div>
  <!-- quick log -->
  <form class="panel compose" method="post" action="/notes" hx-post="/notes" hx-swap="none">
    <label class="visually-hidden" for="note">${t('Note', '记录')}</label><textarea id="note" name="text" rows="2" placeholder="${t('Write a note. @ names a colleague.', '写跟进记录，@ 提醒同事。')}"></textarea>
    <div class="compose-foot"><a class="btn btn-sm btn-ghost" href="/calls/new" data-dialog="/dialog/new">${icon('phone')}${t('Call', '电话')}</a><a class="btn btn-sm btn-ghost" href="/meetings/new" data-dialog="/dialog/new">${icon('calendar-event')}${t('Meeting', '会议')}</a><a class="btn btn-sm btn-ghost" href="/mails/new">${icon('mail')}${t('Mail', '邮件')}</a><button class="btn btn-sm push">${t('Save note', '保存')}</button></div>
  </form>
  <!-- timeline -->
  <ol class="timeline" aria-label="${t('Timeline', '动态')}">
    <li class="timeline-day">${t('Today', '今天')}</li>${[
    event('is-accent', 'arrows-exchange', `${person(1)} ${t('changed', '修改了')} ${t('amount', '金额')} ${change('¥1,120,000', '¥1,285,000')}`, '10:12'),
    event('', 'note', `${person(0)} ${t('wrote a note', '写了跟进')}`, '09:40', `<p>${t('Plant 3 wants the same scope as plant 1, and training in Chinese and English. Budget is confirmed for this year; legal needs two weeks.', '三厂要求与一厂范围一致，并提供中英文培训。预算今年已确认，法务需要两周。')}</p>`),
  ].join('')}
    <li class="timeline-day">${t('Last week', '上周')}</li>${[
    event('is-good', 'phone', `${person(0)} ${t('spoke with', '致电')} <a href="/contacts/1">${t('Gao Lei', '高磊')}</a> · ${t('18 min', '18 分钟')}`, date(lang, '2026-11-18'), `<p>${t('Happy with the demo. Wants references in automotive.', '对演示满意，希望看到汽车行业案例。')}</p><p><a href="/meetings/1">${icon('file-text', 'icon-s')} ${t('Transcript and summary', '录音转写与摘要')}</a></p>`),
    event('', 'mail', `${t('Quote', '报价')} Q-2026-0412 ${t('sent to', '已发送给')} <b>${t('Gao Lei', '高磊')}</b>`, date(lang, '2026-11-14')),
    event('is-accent', 'flag', `${person(0)} ${t('moved the stage', '推进阶段')} ${change(t('Discover', '需求挖掘'), t('Propose', '方案报价'))}`, date(lang, '2026-11-10')),
  ].join('')}
  </ol>
</div>

<!-- side panel -->
<div class="stack">
  <section class="panel" aria-labelledby="side-fields"><div class="panel-head"><h2 id="side-fields">${t('Fields', '字段')}</h2><a class="icon-btn icon-btn-s" href="edit" data-dialog="/dialog/new" aria-label="${t('Edit all fields', '编辑全部字段')}">${icon('pencil')}</a></div>
    <dl class="props py-2">${prop(t('Owner', '负责人'), who(ctx, 0))}${prop(t('Source', '来源'), t('Trade fair', '展会'), '/opportunities/1/field/source')}${prop(t('Competitor', '竞争对手'), t('Two, one named', '两家，一家已知'), '/opportunities/1/field/competitor')}${prop(t('Payment', '付款方式'), t('30 / 60 / 10', '30 / 60 / 10'), '/opportunities/1/field/payment')}${prop(t('Territory', '区域'), t('East China', '华东'))}${prop(t('Created', '创建'), date(lang, '2026-09-14'))}</dl></section>
  <section class="panel" aria-labelledby="side-next"><div class="panel-head"><h2 id="side-next">${t('Next steps', '下一步')}</h2><a class="icon-btn icon-btn-s" href="/tasks/new" data-dialog="/dialog/new" aria-label="${t('New task', '新建任务')}">${icon('plus')}</a></div>
    <ul class="rows"><li><button class="task-tick" aria-label="${t('Done: send references', '完成：发送案例')}">${icon('circle')}</button><div class="grow"><a href="/tasks/1">${t('Send automotive references', '发送汽车行业案例')}</a><div class="tiny late">${t('2 days overdue', '逾期 2 天')}</div></div></li><li><button class="task-tick" aria-label="${t('Done: book plant visit', '完成：预约参观')}">${icon('circle')}</button><div class="grow"><a href="/tasks/2">${t('Book the plant visit', '预约工厂参观')}</a><div class="tiny dim">${date(lang, '2026-11-27')}</div></div></li></ul></section>
  <section class="panel" aria-labelledby="side-people"><div class="panel-head"><h2 id="side-people">${t('Buying team', '决策链')}</h2></div>
    <ul class="rows"><li><span class="av av-4" aria-hidden="true">${t('GL', '高')}</span><div class="grow"><a href="/contacts/1">${t('Gao Lei', '高磊')}</a><div class="tiny dim">${t('Head of IT', '信息化总监')}</div></div><span class="pill pill-good">${t('Champion', '支持者')}</span></li><li><span class="av av-5" aria-hidden="true">${t('SX', '孙')}</span><div class="grow"><a href="/contacts/2">${t('Sun Xia', '孙霞')}</a><div class="tiny dim">${t('Finance director', '财务总监')}</div></div><span class="pill">${t('Decides', '决策人')}</span></li></ul></section>
</div>
</div>`)
}

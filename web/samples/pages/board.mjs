// Board: columns are sections with totals from SQL; a card can be dragged, moved by its menu, or by Alt+arrows.
import { framed, icon } from '../frame.mjs'
import { accounts, date, deals, money, people, stages } from '../data.mjs'

export const card = (ctx, deal, oob = '') => {
  const { t, lang } = ctx
  const [id, stage, en, zh, account, amount, close, owner, days, next, state] = deal
  const name = t(en, zh)
  const [pen, pzh, initials, colour] = people[owner]
  return `
      <li class="card-deal" id="card-${id}" data-card="${id}" data-version="3" tabindex="0" aria-label="${name}, ${money(lang, amount)}"${oob}>
        <div class="card-top"><a class="card-name" href="/opportunities/1" data-open>${name}</a>
          <details class="menu menu-end"><summary class="icon-btn icon-btn-s" aria-label="${t('Move', '移动')}: ${name}">${icon('dots')}</summary><div class="menu-list">
            <p class="menu-head">${t('Move to…', '移动到…')}</p>${stages.filter(s => s[0] !== stage).map(s => `
            <form method="post" action="/opportunities/${id}/stage" data-move-form hx-post="/opportunities/${id}/stage" hx-swap="none"><input type="hidden" name="version" value="3"><button class="menu-item" name="stage" value="${s[0]}"><span class="stage-dot stage-${s[3]}"></span>${t(s[1], s[2])}</button></form>`).join('')}</div></details></div>
        <div class="card-account clip">${t(accounts[account][0], accounts[account][1])}</div>
        <div class="card-row"><span class="card-money">${money(lang, amount)}</span><span class="card-fact push${state === 'late' ? ' late' : ''}">${icon('calendar', 'icon-s')}${date(lang, close)}</span></div>
        <div class="card-row">${next ? `<span class="card-fact">${icon(next, 'icon-s')}${t('Next step set', '已有下一步')}</span>` : `<span class="card-fact warn">${icon('alert-circle', 'icon-s')}${t('No next step', '无下一步')}</span>`}<span class="card-fact push${days > 20 ? ' warn' : ''}" title="${t('Days in stage', '停留天数')}">${icon('clock', 'icon-s')}${days}${t('d', '天')}</span><span class="av av-s av-${colour}" role="img" aria-label="${t(pen, pzh)}">${t(initials, pzh.slice(0, 1))}</span></div>
      </li>`
}
export const columnHead = (ctx, [id, en, zh, dot, chance], list, oob = '') => {
  const { t, lang } = ctx
  const sum = list.reduce((total, deal) => total + deal[5], 0)
  return `<header class="board-head" id="head-${id}"${oob}><h2><span class="stage-dot stage-${dot}"></span>${t(en, zh)} <span class="count">${list.length}</span></h2><div class="board-sum"><b>${money(lang, sum)}</b><span>${t('weighted', '加权')} ${money(lang, sum * chance / 100)}</span></div></header>`
}
export const boardBody = ctx => `
<div class="board" id="board" data-board data-move-url="/opportunities/{id}/stage" data-refresh-url="/board">${stages.map(stage => { const list = deals.filter(deal => deal[1] === stage[0]); return `
  <section class="board-col" data-stage="${stage[0]}" aria-labelledby="head-${stage[0]}">
    ${columnHead(ctx, stage, list)}
    <ol class="board-cards" data-cards tabindex="-1">${list.map(deal => card(ctx, deal)).join('')}
    </ol>
    <p class="board-empty">${ctx.t('Nothing here. Drag a card or use its menu.', '暂无商机，可拖入卡片或用卡片菜单。')}</p>
  </section>` }).join('')}
</div>`
export const board = ctx => {
  const { t, lang } = ctx
  const open = deals.filter(deal => deal[1] !== 'won').length
  return framed({ ...ctx, title: t('Opportunities', '商机') }, { here: '/board' }, `
<div class="page-head">
  <div><h1>${t('Opportunities', '商机')}</h1><p id="board-figures" class="page-sub">${t(`This quarter · ${open} open · weighted`, `本季度 · ${open} 个 · 加权`)} ${money(lang, 4183000)} / ${t('target', '目标')} ${money(lang, 6000000)}</p></div>
  <div class="page-actions">
    <!-- view switch --><nav class="seg" aria-label="${t('View', '视图')}"><a href="/opportunities">${icon('list', 'icon-s')}${t('List', '列表')}</a><a href="/board" aria-current="page">${icon('layout-kanban', 'icon-s')}${t('Board', '看板')}</a></nav>
    <a class="btn btn-primary" href="/opportunities/new" data-dialog="/dialog/new">${icon('plus')}${t('New opportunity', '新建商机')}</a>
  </div>
</div>
<div class="bar-row"><ul class="chips" aria-label="${t('Filters', '筛选')}">
  <li><span class="chip is-on">${t('Closes', '预计成交')} <b>${t('this quarter', '本季度')}</b></span></li><li><span class="chip">${t('Owner', '负责人')} <b>${t('my team', '我的团队')}</b><a class="icon-btn" href="?" aria-label="${t('Remove filter: owner', '移除筛选：负责人')}">${icon('x', 'icon-s')}</a></span></li>
  <li><a class="chip chip-add" href="/filters" data-dialog="/dialog/new">${icon('plus', 'icon-s')}${t('Filter', '筛选')}</a></li></ul></div>
<!-- board -->
${boardBody(ctx)}
<p class="tiny dim wide-only">${t('Drag a card, open its menu, or focus it and press Alt + ← / →.', '可拖动卡片、用卡片菜单，或选中后按 Alt + ← / →。')}</p>`)
}

// List page: saved views as tabs, filter chips, the grid, bulk bar, paging.
import { framed, icon } from '../frame.mjs'
import { accounts, date, money, people, tiers } from '../data.mjs'

export const who = (ctx, n, small = 'av-s') => { const [en, zh, initials, colour] = people[n]; const name = ctx.t(en, zh); return `<span class="who"><span class="av ${small} av-${colour}" aria-hidden="true">${ctx.t(initials, zh.slice(0, 1))}</span><span>${name}</span></span>` }

const row = (ctx, account, n) => {
  const { t, lang } = ctx
  const [en, zh, ind, indZh, city, cityZh, owner, colour, open, count, tier, last, days] = account
  const name = t(en, zh)
  return `
    <tr data-row>
      <td class="pick stick"><label><input class="form-check-input" type="checkbox" name="id" value="${n}" aria-label="${t('Select', '选择')} ${name}"></label></td>
      <td class="stick" data-label="${t('Account', '客户')}"><span class="who"><span class="av av-square av-${colour}" aria-hidden="true">${name.slice(0, 1)}</span><a class="row-name" href="/accounts/1" data-open>${name}</a></span></td>
      <td data-label="${t('Tier', '等级')}"><span class="pill pill-dot pill-${tier}">${t(...tiers[tier])}</span></td>
      <td data-label="${t('Owner', '负责人')}">${who(ctx, owner)}</td>
      <td data-label="${t('Industry', '行业')}" data-edit="/accounts/${n}/field/industry" tabindex="0" aria-describedby="can-edit">${t(ind, indZh)}</td>
      <td class="wide-only" data-label="${t('City', '城市')}">${t(city, cityZh)}</td>
      <td class="num" data-label="${t('Open pipeline', '进行中金额')}" title="¥${open.toLocaleString('en')}">${open ? money(lang, open) : '<span class="dim">–</span>'}</td>
      <td class="num wide-only" data-label="${t('Deals', '商机数')}">${count || '<span class="dim">–</span>'}</td>
      <td data-label="${t('Last activity', '最近活动')}"><span class="${days > 30 ? 'late' : days > 14 ? 'warn' : ''} tnum">${days === 0 ? t('Today', '今天') : date(lang, last)}</span></td>
      <td class="row-menu"><details class="menu menu-end"><summary class="icon-btn icon-btn-s" aria-label="${t('Actions for', '操作：')} ${name}">${icon('dots')}</summary><div class="menu-list">
        <a class="menu-item" href="/accounts/1/edit" data-dialog="/dialog/new">${icon('pencil')}${t('Edit', '编辑')}</a><a class="menu-item" href="/calls/new" data-dialog="/dialog/new">${icon('phone')}${t('Log a call', '记录电话')}</a>
        <hr class="menu-sep"><button class="menu-item is-danger" formaction="/accounts/${n}/trash" hx-post="/accounts/${n}/trash" hx-swap="none">${icon('trash')}${t('Move to trash', '移入回收站')}</button></div></details></td>
    </tr>`
}

const head = (ctx, text, { num, sort } = {}) => `<th scope="col"${num ? ' class="num"' : ''}${sort ? ` aria-sort="${sort}"` : ''}><a href="?sort=x">${sort ? text.replace(/\S+$/, last => `<span>${last}${icon(sort === 'descending' ? 'arrow-down' : 'arrow-up', 'icon-s')}</span>`) : text}</a></th>`

export const list = ctx => {
  const { t, lang } = ctx
  return framed({ ...ctx, title: t('Accounts', '客户') }, { here: '/accounts' }, `
<!-- page head: title, one primary button -->
<div class="page-head">
  <div><h1>${t('Accounts', '客户')}</h1><p class="page-sub">${t('248 accounts · 12 new this month', '共 248 家客户 · 本月新增 12 家')}</p></div>
  <div class="page-actions">
    <a class="btn" href="/imports/new">${icon('upload')}${t('Import', '导入')}</a>
    <a class="btn" href="/accounts.xlsx">${icon('download')}${t('Export', '导出')}</a>
    <a class="btn btn-primary" href="/accounts/new" data-dialog="/dialog/new">${icon('plus')}${t('New account', '新建客户')}</a>
  </div>
</div>

<!-- saved views -->
<nav aria-label="${t('Saved views', '视图')}"><ul class="tabs">
  <li><a href="?view=mine" aria-current="page">${t('My accounts', '我的客户')} <span class="count">86</span></a></li>
  <li><a href="?view=team">${t('East China team', '华东团队')} <span class="count">248</span></a></li>
  <li><a href="?view=risk">${t('At risk', '有风险')} <span class="count">9</span></a></li>
  <li><a href="?view=quiet">${t('No activity for 30 days', '30 天未跟进')} <span class="count">14</span></a></li>
</ul></nav>

<!-- filter bar -->
<div class="bar-row">
  <ul class="chips" aria-label="${t('Filters', '筛选')}">
    <li><span class="chip">${t('Tier', '等级')} <b>${t('Strategic, Growing', '战略、成长')}</b><a class="icon-btn" href="?" aria-label="${t('Remove filter: tier', '移除筛选：等级')}">${icon('x', 'icon-s')}</a></span></li>
    <li><span class="chip">${t('Open pipeline', '进行中金额')} <b>&gt; ¥0</b><a class="icon-btn" href="?" aria-label="${t('Remove filter: pipeline', '移除筛选：进行中金额')}">${icon('x', 'icon-s')}</a></span></li>
    <li><a class="chip chip-add" href="/filters?object=account" data-dialog="/dialog/filter">${icon('plus', 'icon-s')}${t('Filter', '筛选')}</a></li>
  </ul>
  <a class="btn btn-sm btn-ghost wide-only" href="/views/1/columns" data-dialog="/dialog/columns">${icon('columns-3')}${t('Columns', '列')}</a>
  <details class="menu menu-end"><summary class="btn btn-sm btn-ghost">${icon('adjustments-horizontal')}${t('Display', '显示')}</summary><div class="menu-list"><p class="menu-head">${t('Density', '密度')}</p><a class="menu-item" href="?density=comfortable" aria-current="true">${t('Comfortable', '宽松')}</a><a class="menu-item" href="?density=compact">${t('Compact', '紧凑')}</a></div></details>
</div>

<!-- the grid: [data-table] is the scope of selection -->
<form data-table method="post" action="/accounts/bulk">
<input type="hidden" name="all" value="">
<div class="grid-wrap is-tall" tabindex="0" role="region" aria-label="${t('Accounts table', '客户列表')}">
<table class="grid">
  <thead><tr>
    <th class="pick stick" scope="col"><label><input class="form-check-input" type="checkbox" data-select-all aria-label="${t('Select all on this page', '全选本页')}"></label></th>
    <th class="stick" scope="col"><a href="?sort=name">${t('Account', '客户')}</a></th>
    ${head(ctx, t('Tier', '等级'))}${head(ctx, t('Owner', '负责人'))}${head(ctx, t('Industry', '行业'))}${head(ctx, t('City', '城市'))}${head(ctx, t('Open pipeline', '进行中金额'), { num: true, sort: 'descending' })}${head(ctx, t('Deals', '商机数'), { num: true })}${head(ctx, t('Last activity', '最近活动'))}
    <th class="row-menu" scope="col"><span class="visually-hidden">${t('Actions', '操作')}</span></th>
  </tr></thead>
  <tbody>${accounts.map((account, n) => row(ctx, account, n)).join('')}
  </tbody>
  <tfoot><tr><td class="pick stick"></td><td class="stick">${t('Total of 248', '248 家合计')}</td><td></td><td></td><td></td><td></td><td class="num">${money(lang, 13635500)}</td><td class="num wide-only">24</td><td></td><td></td></tr></tfoot>
</table>
</div>

<!-- bulk bar -->
<div class="bulk-bar" data-bulk-bar hidden>
  <span><b data-bulk-count>0</b> ${t('selected', '条已选')}</span>
  <button type="button" class="link-btn" data-select-matching="248">${t('Select all 248 matching', '选择全部 248 条')}</button>
  <button class="btn btn-sm" formaction="/accounts/bulk/owner">${icon('user')}${t('Assign', '分配')}</button>
  <button class="btn btn-sm" formaction="/accounts/bulk/edit">${icon('pencil')}${t('Edit', '编辑')}</button>
  <button class="btn btn-sm" formaction="/accounts/bulk/export">${icon('download')}${t('Export', '导出')}</button>
  <button class="btn btn-sm" formaction="/accounts/bulk/trash" data-confirm="${t('The selected accounts go to the trash for 30 days.', '所选客户将移入回收站，保留 30 天。')}" data-confirm-word="${t('TRASH', '删除')}">${icon('trash')}${t('Trash', '删除')}</button>
  <button type="button" class="icon-btn text-white" data-select-none aria-label="${t('Clear selection', '取消选择')}">${icon('x')}</button>
</div>
</form>

<!-- paging -->
<div class="grid-foot"><span aria-live="polite">${t('1–12 of 248', '第 1–12 条，共 248 条')}</span><nav class="pager" aria-label="${t('Pages', '分页')}"><span class="btn btn-sm" aria-disabled="true">${icon('chevron-left')}${t('Back', '上一页')}</span><a class="btn btn-sm" href="?after=x">${t('Next', '下一页')}${icon('chevron-right')}</a></nav></div>`)
}

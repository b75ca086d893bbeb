// The frame of every page: what becomes the base template. `t(en, zh)` stands for a Fluent message.
export const icon = (name, extra = '') => `<svg class="icon ${extra}" aria-hidden="true"><use href="/assets/${globalThis.assets['icons.svg']}#i-${name}"/></svg>`
export const mark = `<svg class="side-mark" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" aria-hidden="true"><circle cx="12" cy="9" r="6"/><path d="M12 9v12M12 9 5.2 19.5M12 9l6.8 10.5"/></svg>`

/** The document: head, and what the scripts need in the page on every page. */
export const page = ({ t, lang, theme, mini, title, charts }, body) => `<!doctype html>
<html lang="${lang === 'zh-CN' ? 'zh-CN' : 'en'}" data-bs-theme="${theme}" data-density="comfortable"${mini ? ' class="nav-mini"' : ''}>
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
  <meta name="color-scheme" content="${theme === 'dark' ? 'dark' : 'light'}">
  <title>${title} · Trivet</title>
  <link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E%3Crect width='24' height='24' rx='6' fill='%234353d9'/%3E%3Cpath d='M12 9v10M12 9l-5.5 9M12 9l5.5 9' stroke='white' stroke-width='2' fill='none' stroke-linecap='round'/%3E%3Ccircle cx='12' cy='9' r='4' fill='none' stroke='white' stroke-width='2'/%3E%3C/svg%3E">
  <link rel="stylesheet" href="/assets/${globalThis.assets['app.css']}">
  <script src="/assets/${globalThis.assets['core.js']}" defer></script>${charts ? `
  <script src="/assets/${globalThis.assets['charts.js']}" defer></script>` : ''}
</head>
<body data-locale="${lang}" data-shortcuts="on">
<a class="skip-link" href="#main">${t('Skip to content', '跳到正文')}</a>
${body}

<!-- toasts: server-rendered ones go inside #toasts as .toast-item; scripts clone the template -->
<div id="toasts" class="toasts" role="status" aria-live="polite" data-undo-label="${t('Undo', '撤销')}" data-signed-out="${t('You are signed out.', '您已退出登录。')}" data-network-error="${t('That did not reach the server. Check the connection and try again.', '没有连上服务器，请检查网络后再试。')}"></div>
<template id="toast-template">
  <div class="toast-item"><span data-toast-text></span><button type="button" data-toast-undo hidden></button><button type="button" data-toast-close aria-label="${t('Dismiss', '关闭')}">${icon('x')}</button></div>
</template>
<div id="live" class="visually-hidden" aria-live="polite"></div>

<!-- goes to the cell that can be edited -->
<p id="can-edit" hidden>${t('Can be edited', '可编辑')}</p>
<template id="pencil"><button type="button" class="icon-btn icon-btn-s edit-pencil" tabindex="-1" data-edit-open data-label="${t('Edit: %s', '编辑：%s')}">${icon('pencil', 'icon-s')}</button></template>

<!-- the one dialog: fragments are loaded into it -->
<dialog id="dialog" class="dialog" aria-labelledby="dialog-title" data-discard="${t('Discard what you typed?', '放弃已填写的内容？')}" data-discard-keep="${t('Keep editing', '继续编辑')}" data-discard-ok="${t('Discard', '放弃')}"></dialog>

<!-- confirmation: data-confirm="…" on a button, link or form -->
<dialog id="confirm" class="dialog dialog-s" aria-labelledby="confirm-title" aria-describedby="confirm-text">
  <div class="dialog-head"><h2 id="confirm-title">${t('Are you sure?', '确定吗？')}</h2></div>
  <div class="dialog-body">
    <p id="confirm-text" data-confirm-text></p>
    <p class="field" data-confirm-field hidden><label for="confirm-word">${t('Type to confirm:', '请输入以确认：')} <b data-confirm-word></b></label><input class="form-control" id="confirm-word" autocomplete="off"></p>
  </div>
  <div class="dialog-foot"><button type="button" class="btn" data-close>${t('Cancel', '取消')}</button><button type="button" class="btn btn-danger" data-confirm-ok>${t('Continue', '继续')}</button></div>
</dialog>

<!-- command palette -->
<dialog id="palette" class="palette" data-url="/palette" aria-label="${t('Search and commands', '搜索与命令')}">
  <div class="palette-top">${icon('search')}<input type="text" role="combobox" aria-expanded="false" aria-controls="palette-list" aria-autocomplete="list" autocomplete="off" spellcheck="false" aria-label="${t('Search records, pages and actions', '搜索记录、页面和操作')}" placeholder="${t('Search records, pages, actions…', '搜索记录、页面、操作，支持拼音…')}"></div>
  <div id="palette-list" class="palette-list" role="listbox" aria-label="${t('Results', '结果')}"></div>
  <div class="palette-foot"><p data-palette-count aria-live="polite"></p><span><kbd>↑</kbd> <kbd>↓</kbd> ${t('choose', '选择')}</span><span><kbd>Enter</kbd> ${t('open', '打开')}</span><span><kbd>Esc</kbd> ${t('close', '关闭')}</span></div>
</dialog>

<!-- keys -->
<dialog id="keys" class="dialog" aria-labelledby="keys-title">
  <div class="dialog-head"><h2 id="keys-title">${t('Keyboard', '快捷键')}</h2><button type="button" class="icon-btn" data-close aria-label="${t('Close', '关闭')}">${icon('x')}</button></div>
  <div class="dialog-body"><dl class="keys">${[
    ['Ctrl K', t('Search', '搜索')], ['C', t('New', '新建')], ['E', t('Edit', '编辑')], ['J / K', t('Next / previous row', '下一行 / 上一行')], ['X', t('Select row', '选择该行')], ['Enter', t('Open row', '打开该行')],
    ['Alt ← →', t('Move card', '移动卡片')], ['G A', t('Go to accounts', '转到客户')], ['G O', t('Go to opportunities', '转到商机')], ['?', t('This help', '本帮助')],
  ].map(([key, text]) => `<div><dt>${text}</dt><dd>${key.split(' ').map(k => /^[/]$/.test(k) ? '/' : `<kbd>${k}</kbd>`).join(' ')}</dd></div>`).join('')}</dl></div>
  <div class="dialog-foot"><a class="btn" href="/me">${t('Switch single-letter keys off', '关闭单字母快捷键')}</a></div>
</dialog>
</body>
</html>`

const groups = t => [
  [null, [['home', '/', t('Home', '工作台'), 'h'], ['inbox', '/inbox', t('Inbox', '收件箱'), 'i', 4], ['checkbox', '/tasks', t('Tasks', '任务'), 't', 7]]],
  [t('Sell', '销售'), [['user-search', '/leads', t('Leads', '线索'), 'l'], ['building', '/accounts', t('Accounts', '客户'), 'a'], ['address-book', '/contacts', t('Contacts', '联系人'), 'n'], ['layout-kanban', '/board', t('Opportunities', '商机'), 'o'], ['activity', '/activities', t('Activities', '活动'), 'v']]],
  [t('Plan', '规划'), [['target-arrow', '/forecast', t('Forecast', '预测'), 'f'], ['target', '/quotas', t('Quotas', '目标'), 'q'], ['map-pin', '/territories', t('Territories', '区域'), 'r'], ['chart-bar', '/analysis', t('Reports', '报表'), 'p']]],
  [t('People', '人员'), [['users-group', '/team', t('Team', '团队'), 'e'], ['user-plus', '/hiring', t('Hiring', '招聘')], ['school', '/coaching', t('Coaching', '辅导')]]],
]

/** Signed-in pages: side navigation, top bar, content, bottom navigation. */
export const framed = (ctx, { here, charts }, content) => {
  const { t, lang, theme } = ctx
  const current = href => href === here ? ' aria-current="page"' : ''
  return page({ ...ctx, charts }, `<div class="shell">

<!-- side navigation -->
<nav id="side" class="side" aria-label="${t('Main', '主导航')}">
  <div class="d-flex align-items-center"><a class="side-brand" href="/">${mark}<span>Trivet</span></a><a class="icon-btn side-close" href="#main" data-nav-close aria-label="${t('Close menu', '关闭菜单')}">${icon('x')}</a></div>
  <div class="side-scroll">${groups(t).map(([label, links], n) => `
    ${label ? `<p class="side-label" id="side-${n}">${label}</p>` : ''}
    <ul class="side-group"${label ? ` aria-labelledby="side-${n}"` : ''}>${links.map(([i, href, text, go, count]) => `
      <li><a class="side-link" href="${href}"${current(href)}${go ? ` data-go="${go}"` : ''} title="${text}">${icon(i)}<span>${text}</span>${count ? `<span class="count">${count}</span>` : ''}</a></li>`).join('')}
    </ul>`).join('')}
  </div>
  <div class="side-foot"><a class="side-link" href="/settings"${current('/settings')} title="${t('Settings', '设置')}">${icon('settings')}<span>${t('Settings', '设置')}</span></a>
  <button type="button" class="side-link side-toggle" data-nav-toggle aria-expanded="true" title="${t('Collapse', '收起')}">${icon('chevrons-left')}<span>${t('Collapse', '收起')}</span></button></div>
</nav>

<div class="shell-body">
<!-- top bar -->
<header class="top">
  <a class="icon-btn top-brand" href="#side" id="open-side" aria-label="${t('Menu', '菜单')}">${icon('menu-2')}</a>
  <a class="top-search" href="/search" data-palette>${icon('search', 'icon-s')}<span class="clip">${t('Search or jump to…', '搜索或跳转…')}</span><kbd>Ctrl K</kbd></a>
  <details class="menu menu-end"><summary class="btn btn-primary btn-sm" aria-label="${t('New', '新建')}">${icon('plus')}<span class="wide-only">${t('New', '新建')}</span></summary>
    <div class="menu-list">
      <a class="menu-item" href="/opportunities/new" data-dialog="/dialog/new" data-key="c">${icon('layout-kanban')}${t('Opportunity', '商机')}<kbd>C</kbd></a>
      <a class="menu-item" href="/accounts/new" data-dialog="/dialog/new">${icon('building')}${t('Account', '客户')}</a>
      <a class="menu-item" href="/contacts/new" data-dialog="/dialog/new">${icon('address-book')}${t('Contact', '联系人')}</a>
      <a class="menu-item" href="/calls/new" data-dialog="/dialog/new">${icon('phone')}${t('Log a call', '记录电话')}</a>
    </div></details>
  <a class="icon-btn" href="/notifications" aria-label="${t('Notifications, 3 unread', '通知，3 条未读')}">${icon('bell')}<span class="dot"></span></a>
  <form method="post" action="/me/theme"><button class="icon-btn wide-only if-light" name="theme" value="dark" aria-label="${t('Dark theme', '深色主题')}">${icon('moon')}</button><button class="icon-btn wide-only if-dark" name="theme" value="light" aria-label="${t('Light theme', '浅色主题')}">${icon('sun')}</button></form>
  <form method="post" action="/me/locale"><button class="icon-btn wide-only" name="locale" value="${lang === 'en' ? 'zh-CN' : 'en'}" aria-label="${lang === 'en' ? '切换到中文' : 'Switch to English'}" lang="${lang === 'en' ? 'zh-CN' : 'en'}">${icon('language')}</button></form>
  <a class="icon-btn wide-only" href="/help" aria-label="${t('Help', '帮助')}">${icon('help-circle')}</a>
  <details class="menu menu-end"><summary class="icon-btn" aria-label="${t('Lin Yue, your account', '林悦，个人菜单')}"><span class="av av-3" aria-hidden="true">${t('LY', '林')}</span></summary>
    <div class="menu-list">
      <p class="menu-head">${t('Lin Yue · East China', '林悦 · 华东区')}</p>
      <a class="menu-item" href="/me">${icon('user-circle')}${t('Profile and preferences', '个人设置')}</a>
      <form method="post" action="/me/theme" class="narrow-only"><button class="menu-item if-light" name="theme" value="dark">${icon('moon')}${t('Dark theme', '深色主题')}</button><button class="menu-item if-dark" name="theme" value="light">${icon('sun')}${t('Light theme', '浅色主题')}</button></form>
      <form method="post" action="/me/locale" class="narrow-only"><button class="menu-item" name="locale" value="${lang === 'en' ? 'zh-CN' : 'en'}" lang="${lang === 'en' ? 'zh-CN' : 'en'}">${icon('language')}${lang === 'en' ? '中文' : 'English'}</button></form>
      <hr class="menu-sep">
      <form method="post" action="/sign-out"><button class="menu-item">${icon('logout')}${t('Sign out', '退出登录')}</button></form>
    </div></details>
</header>

<main id="main" class="content" tabindex="-1">
${content}
</main>
</div>
</div>

<!-- bottom navigation (phones) -->
<nav class="foot-nav" aria-label="${t('Quick', '快捷导航')}">
  <a href="/"${current('/')}>${icon('home')}${t('Home', '工作台')}</a>
  <a href="/accounts"${current('/accounts')}>${icon('building')}${t('Accounts', '客户')}</a>
  <a href="/board"${current('/board')}>${icon('layout-kanban')}${t('Deals', '商机')}</a>
  <a href="/tasks"${current('/tasks')}>${icon('checkbox')}${t('Tasks', '任务')}</a>
  <a href="#side" id="open-side-foot">${icon('menu-2')}${t('More', '更多')}</a>
</nav>`)
}

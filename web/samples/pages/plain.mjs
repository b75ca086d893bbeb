// Sign-in (outside the frame) and an empty list.
import { framed, icon, mark, page } from '../frame.mjs'

export const signIn = ctx => {
  const { t, lang, theme } = ctx
  return page({ ...ctx, title: t('Sign in', '登录') }, `
<div class="plain">
<main id="main" class="plain-main" tabindex="-1"><div class="plain-card">
  <div class="plain-mark">${mark}<span>Trivet</span></div>
  <h1>${t('Sign in', '登录')}</h1><p class="dim mb-4">${t('to Yunfan Sales', '云帆销售中心')}</p>
  <form class="form" method="post" action="/sign-in">
    <div class="field"><label for="email">${t('E-mail', '邮箱')}</label><input class="form-control" id="email" name="email" type="email" autocomplete="username" required autofocus></div>
    <div class="field"><label for="password">${t('Password', '密码')}</label><input class="form-control" id="password" name="password" type="password" autocomplete="current-password" required></div>
    <label class="check"><input class="form-check-input" type="checkbox" name="stay" value="1"> ${t('Stay signed in on this device', '在本设备保持登录')}</label>
    <button class="btn btn-primary btn-block">${t('Sign in', '登录')}</button>
    <a class="btn btn-block" href="/sign-in/company">${icon('key')}${t('Use company sign-in', '使用企业账号登录')}</a>
  </form>
  <p class="small mt-3"><a href="/password">${t('Forgot your password?', '忘记密码？')}</a></p>
</div></main>
<footer class="plain-foot"><form method="post" action="/me/locale"><button class="link-btn" name="locale" value="${lang === 'en' ? 'zh-CN' : 'en'}" lang="${lang === 'en' ? 'zh-CN' : 'en'}">${lang === 'en' ? '中文' : 'English'}</button></form><form method="post" action="/me/theme"><button class="link-btn if-light" name="theme" value="dark">${t('Dark', '深色')}</button><button class="link-btn if-dark" name="theme" value="light">${t('Light', '浅色')}</button></form><a href="/help">${t('Help', '帮助')}</a></footer>
</div>`)
}

export const empty = ctx => {
  const { t } = ctx
  return framed({ ...ctx, title: t('Leads', '线索') }, { here: '/leads' }, `
<div class="page-head"><div><h1>${t('Leads', '线索')}</h1></div></div>
<!-- empty state: one sentence, one primary action, sample data -->
<div class="panel blank"><span class="blank-art">${icon('user-search')}</span><h2>${t('No leads yet', '还没有线索')}</h2><p>${t('Leads are people who may buy. Import a list, connect a form, or add the first one by hand.', '线索是可能购买的人。可以导入名单、接入表单，或手工添加第一条。')}</p>
  <div class="blank-actions"><a class="btn btn-primary" href="/imports/new">${icon('upload')}${t('Import a list', '导入名单')}</a><a class="btn" href="/leads/new" data-dialog="/dialog/new">${t('Add a lead', '添加线索')}</a><form method="post" action="/demo"><button class="btn btn-ghost">${t('Load sample data', '载入示例数据')}</button></form></div></div>
<!-- skeleton, shown while a part loads -->
<div class="panel panel-body stack mt-3" aria-hidden="true"><span class="skeleton w-25"></span><span class="skeleton w-75"></span><span class="skeleton w-50"></span></div>`)
}

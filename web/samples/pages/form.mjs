// Form page with what is wrong: a summary that links to the fields, and the reason at each field.
import { framed, icon } from '../frame.mjs'

/** The fields, also used by the dialog. */
export const fields = ({ t }, wrong, prefix = '') => `
  <div class="form-grid">
    <div class="field wide"><label for="${prefix}name">${t('Name', '名称')} <span class="req" aria-hidden="true">*</span></label><input class="form-control" id="${prefix}name" name="name" required value="${wrong ? '' : ''}"${wrong ? ` aria-invalid="true" aria-describedby="${prefix}name-error"` : ''}>${wrong ? `<p class="error" id="${prefix}name-error">${icon('alert-circle', 'icon-s')}${t('Give the opportunity a name.', '请填写商机名称。')}</p>` : ''}</div>
    <div class="field wide"><label for="${prefix}account">${t('Account', '客户')} <span class="req" aria-hidden="true">*</span></label><select class="form-select" id="${prefix}account" name="account" data-picker="/pick/account" data-clear-label="${t('Clear', '清除')}" data-empty-label="${t('Nothing found', '没有找到')}"><option value=""></option>${wrong ? `<option value="1" selected>${t('Yunfan Smart Manufacturing', '云帆智造（苏州）有限公司')}</option>` : ''}</select><p class="hint">${t('Type a name, pinyin or initials.', '可输入名称、拼音或首字母。')}</p></div>
    <div class="field"><label for="${prefix}amount">${t('Amount', '金额')}</label><div class="input-group"><span class="input-group-text">¥</span><input class="form-control num" id="${prefix}amount" name="amount" inputmode="decimal" value="1,285,000"></div></div>
    <div class="field"><label for="${prefix}close">${t('Close date', '预计成交日')}</label><input class="form-control" type="date" id="${prefix}close" name="close" value="2026-10-02"${wrong ? ` aria-invalid="true" aria-describedby="${prefix}close-error"` : ''}>${wrong ? `<p class="error" id="${prefix}close-error">${icon('alert-circle', 'icon-s')}${t('This date is in the past.', '日期已经过去。')}</p>` : ''}</div>
    <div class="field"><label for="${prefix}stage">${t('Stage', '阶段')}</label><select class="form-select" id="${prefix}stage" name="stage"><option>${t('Qualify', '资格确认')}</option><option>${t('Discover', '需求挖掘')}</option></select></div>
    <div class="field"><label for="${prefix}source">${t('Source', '来源')} <span class="opt">${t('(optional)', '（选填）')}</span></label><select class="form-select" id="${prefix}source" name="source"><option>${t('Trade fair', '展会')}</option><option>${t('Referral', '转介绍')}</option></select></div>
  </div>`

/** Dialog fragment: what the server answers to data-dialog. */
export const dialog = ctx => {
  const { t } = ctx
  return `<form method="post" action="/opportunities" hx-post="/opportunities" hx-target="#dialog" hx-swap="innerHTML">
  <div class="dialog-head"><h2 id="dialog-title">${t('New opportunity', '新建商机')}</h2><button type="button" class="icon-btn" data-close aria-label="${t('Close', '关闭')}">${icon('x')}</button></div>
  <div class="dialog-body">${fields(ctx, false, 'd-')}</div>
  <div class="dialog-foot"><button type="button" class="btn" data-close>${t('Cancel', '取消')}</button><button class="btn btn-primary">${t('Create', '创建')}</button></div></form>`
}

export const form = ctx => {
  const { t } = ctx
  return framed({ ...ctx, title: t('New opportunity', '新建商机') }, { here: '/board' }, `
<div class="content-narrow">
<nav aria-label="${t('Breadcrumb', '位置')}"><ol class="crumbs"><li><a href="/board">${t('Opportunities', '商机')}</a></li></ol></nav>
<div class="page-head"><div><h1>${t('New opportunity', '新建商机')}</h1></div></div>
<form class="form" method="post" action="/opportunities" novalidate>
  <!-- error summary -->
  <div class="notice notice-bad" role="alert" tabindex="-1" id="errors">${icon('alert-circle')}<div><p><b>${t('Two things need your attention.', '有两处需要修改。')}</b></p><ul class="error-list"><li><a href="#name">${t('Give the opportunity a name.', '请填写商机名称。')}</a></li><li><a href="#close">${t('The close date is in the past.', '预计成交日已经过去。')}</a></li></ul></div></div>
  <fieldset class="panel panel-body form-part"><legend class="visually-hidden">${t('The deal', '商机信息')}</legend>${fields(ctx, true)}</fieldset>
  <fieldset class="panel panel-body form-part"><legend class="visually-hidden">${t('Qualification', '资格评估')}</legend>
    <div class="field"><label for="pain">${t('What problem does the buyer want solved?', '客户要解决什么问题？')}</label><textarea class="form-control" id="pain" name="pain" rows="3">${t('Changeovers take four hours; target is one.', '换线需要四小时，目标一小时。')}</textarea><p class="hint">${t('In the words of the buyer. 20 characters or more.', '用客户的原话，至少 20 个字。')}</p></div>
    <label class="check"><input class="form-check-input" type="checkbox" name="budget" checked> ${t('Budget is confirmed for this year', '今年预算已确认')}</label>
    <label class="check"><input class="form-check-input" type="checkbox" name="decider"> ${t('We have met the person who decides', '已见过决策人')}</label></fieldset>
  <div class="form-actions is-sticky"><button class="btn btn-primary">${t('Create opportunity', '创建商机')}</button><a class="btn" href="/board">${t('Cancel', '取消')}</a></div>
</form></div>`)
}

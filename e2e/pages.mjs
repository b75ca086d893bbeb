// Every page a person can open. `route` is a line of `trivet routes`; a GET route that stands neither here nor in NO_PAGE fails
// the walk, so a new page cannot be forgotten. `main` pages are seen in every setting, the others in two (screens.mjs).
//   at(world)  the address; without it the route itself       as      whose session: partner (default), another of PEOPLE in world.mjs, nobody
//   does(page) what to do there before looking                status  the answer, if not 200
import { BASE } from './lib.mjs'
import { KINDS, MANY_ROWS, post, upload } from './world.mjs'

const page = (route, more = {}) => ({ route, name: route.slice(1).replace(/[{}]/g, '').replace(/\W+/g, '-') || 'home', as: 'partner', status: 200, at: () => route, ...more })
const main = (route, more) => page(route, { main: true, ...more })
const admin = (route, more) => page(route, { as: 'admin', ...more })

/** Sends the page's form by its button and waits for the page that answers. */
const send = async (page, button) => {
  await Promise.all([page.waitForEvent('load'), page.locator(button).first().click()])
}
const empty = form => async page => {
  page.expected = [422]
  await send(page, `${form} .btn-primary`)
}

/** Somebody else saves the form first, with other words in the same field. */
const overtaken = (form, field) => async page => {
  page.expected = [409]
  const now = Date.now() % 100000
  const { action, inputs } = await page.evaluate(form => {
    const element = document.querySelector(form)
    return { action: element.getAttribute('action'), inputs: Object.fromEntries(new FormData(element)) }
  }, form)
  await post(page.context(), action, { ...inputs, [field]: `North ${now}` })
  await page.request.get(BASE)                  // shows that it was saved, so that the page does not
  await page.fill(`${form} [name=${field}]`, `South ${now}`)
}

/** Ticks all rows; on a phone, where they are cards, the first. */
const select = page => page.locator(page.viewportSize().width < 500 ? 'tbody [name=id]' : '[data-select-all]').first().check()

/** Ticks rows and asks what an action would do to them. */
const preview = action => async page => {
  await select(page)
  await send(page, `[data-bulk-bar] [value=${action}]`)
}

/**
 * An import while it runs. The page is not told how it goes on, or it would be over before it was looked at; the import itself
 * is stopped and taken back at once.
 */
async function running(page) {
  const at = await upload(page.context(), 'running.csv', MANY_ROWS)
  await page.route(`${BASE}${at}/progress`, route => route.fulfill({ status: 204 }))
  await page.goto(BASE + at)
  await send(page, '[value=start]')
  while (await page.getAttribute('#progress progress', 'value', { timeout: 5000 }) === '0') await page.goto(BASE + at)
  await post(page.context(), `${at}/cancellation`, {})
  while (!(await (await page.request.get(BASE + at)).text()).includes(`${at}/undo`)) await page.waitForTimeout(100)
  await post(page.context(), `${at}/undo`, {})
}

const HAVE_RELATED = ['accounts', 'contacts', 'leads', 'opportunities', 'products']
const SHARED = ['accounts', 'leads', 'opportunities']

/** What every kind of record has. Filter, columns, view and one field's form are the same page for all of them. */
const ofKind = kind => [
  page(`/${kind}`, { name: `${kind}-trash`, at: () => `/${kind}?view=none&trash=1` }),
  page(`/${kind}/new`),
  page(`/${kind}/{id}/edit`, { name: `${kind}-edit`, at: world => `/${kind}/${world[kind]}/edit` }),
  page(`/${kind}/{id}`, { name: `${kind}-details`, at: world => `/${kind}/${world[kind]}?tab=details` }),
  ...(HAVE_RELATED.includes(kind) ? [page(`/${kind}/{id}`, { name: `${kind}-related`, at: world => `/${kind}/${world[kind]}?tab=related` })] : []),
  page(`/${kind}/{id}`, { name: `${kind}-files`, at: world => `/${kind}/${world[kind]}?tab=files` }),
  ...(SHARED.includes(kind) ? [page(`/${kind}/{id}/shares/new`, { name: `${kind}-share`, at: world => `/${kind}/${world[kind]}/shares/new` })] : []),
]

export const PAGES = [
  main('/'),
  ...KINDS.map(kind => main(`/${kind}`)),
  ...['accounts', 'opportunities', 'leads'].map(kind => main(`/${kind}/{id}`, { name: kind === 'accounts' ? 'account' : kind === 'leads' ? 'lead' : 'deal', at: world => `/${kind}/${world[kind]}` })),
  ...['contacts', 'activities', 'tasks', 'products'].map(kind => page(`/${kind}/{id}`, { name: `${kind}-record`, at: world => `/${kind}/${world[kind]}` })),
  main('/board'), main('/analysis'), main('/calendar'), main('/calendar', { name: 'calendar-week', at: () => `/calendar?week=${new Date().toISOString().slice(0, 10)}&who=team` }), main('/people'), main('/imports'), main('/me'), main('/help'),
  main('/search', { at: () => '/search?q=gtx' }),
  main('/sign-in', { as: 'nobody' }),
  ...KINDS.flatMap(ofKind),
  page('/opportunities/{id}', { name: 'deal-won', at: world => `/opportunities/${world.won}` }),
  page('/leads/{id}', { name: 'lead-converted', at: world => `/leads/${world.converted}` }),
  page('/accounts/{id}', { name: 'account-read-only', as: 'seller', at: world => `/accounts/${world.shared}` }),
  page('/accounts/{id}/shares/new', { name: 'refused', as: 'seller', at: world => `/accounts/${world.shared}/shares/new`, status: 403 }),
  page('/opportunities/{id}/committee/new', { name: 'deal-committee', at: world => `/opportunities/${world.opportunities}/committee/new` }),
  page('/opportunities/{id}/pipeline', { name: 'deal-pipeline', at: world => `/opportunities/${world.opportunities}/pipeline` }),
  page('/accounts/{id}/team/new', { name: 'account-team', at: world => `/accounts/${world.accounts}/team/new` }),
  page('/accounts/{id}', { name: 'not-found', at: () => '/accounts/00000000-0000-7000-8000-000000000000', status: 404 }),
  page('/accounts/{id}', { name: 'no-such-page', as: 'nobody', at: () => '/no-such-page', status: 404 }),
  ...['seller', 'manager', 'marketing', 'liaison', 'hr', 'auditor', 'admin'].map(who => page('/', { name: `home-${who}`, as: who })),
  page('/analysis', { name: 'analysis-owners', at: () => '/analysis?by=owner' }),
  page('/search', { name: 'search-nothing', at: () => '/search?q=zzzzqqqq' }),
  page('/accounts', { name: 'accounts-nothing', at: () => '/accounts?view=none&q=zzzzqqqq' }),
  ...['edit', 'assign', 'export', 'trash'].map(action => page('/accounts', { name: `accounts-bulk-${action}`, does: preview(action) })),
  page('/accounts', { name: 'accounts-selected', does: select }),
  page('/accounts/bulk', { name: 'accounts-bulk-history' }),
  page('/bulk-jobs/{id}', { name: 'bulk-job', at: world => world.bulkJob }),
  page('/bulk-jobs/{id}/records', { name: 'bulk-job-records', at: world => `${world.bulkJob}/records?outcome=changed` }),
  ...['filter', 'columns', 'view', 'views'].map(part => page(`/opportunities/${part}`)),
  page('/views/{id}/edit', { name: 'view-edit', at: world => `/views/${world.view}/edit` }),
  page('/accounts/{id}/field/{field}', { name: 'accounts-field', at: world => `/accounts/${world.accounts}/field/website` }),
  page('/leads/{id}/convert', { name: 'lead-convert', at: world => `/leads/${world.leads}/convert` }),
  page('/opportunities/{id}/evidence/{criterion}', { name: 'evidence', at: world => `/opportunities/${world.opportunities}/evidence/${world.evidence}` }),
  page('/opportunities/{id}/items/new', { name: 'item-new', at: world => `/opportunities/${world.opportunities}/items/new` }),
  page('/opportunities/{id}/items/{item}/edit', { name: 'item-edit', at: world => `/opportunities/${world.opportunities}/items/${world.item}/edit` }),
  page('/board', { name: 'board-filtered', at: () => '/board?f=amount:min:1000&f=state:is:won&q=gtx' }),
  page('/opportunities/{id}', { name: 'deal-lost-form', at: world => `/opportunities/${world.opportunities}`, does: async page => {
    page.expected = [422]
    await page.locator('.path button').last().click()
    await page.waitForSelector('#dialog[open]')
  } }),
  page('/accounts/new', { name: 'accounts-new-wrong', does: empty('main form') }),
  page('/contacts/{id}/edit', { name: 'conflict', at: world => `/contacts/${world.contacts}/edit`, does: async page => {
    await overtaken('main form.form', 'job_title')(page)
    await send(page, 'main form.form .btn-primary')
  } }),
  page('/contacts/{id}', { name: 'conflict-dialog', at: world => `/contacts/${world.contacts}`, does: async page => {
    await page.locator('[data-dialog$="/edit"]').first().click()
    await page.waitForSelector('#dialog[open] form')
    await overtaken('#dialog form', 'job_title')(page)
    await page.locator('#dialog .btn-primary').click()
    await page.waitForSelector('#dialog fieldset [type=radio]')
  } }),
  page('/sign-in', { name: 'sign-in-wrong', as: 'nobody', does: async page => {
    page.expected = [401, 422]
    await page.fill('[name=email]', 'nobody@trivet.example')
    await page.fill('[name=password]', 'not the password')
    await send(page, '.btn-primary')
  } }),
  page('/invitations/{token}', { name: 'invitation', as: 'nobody', at: world => world.invitation }),
  page('/invitations/{token}', { name: 'invitation-over', as: 'nobody', at: () => '/invitations/nothing-like-that', status: 404 }),
  page('/imports/new'),
  page('/imports/{id}', { name: 'import-mapping', at: world => world.mapping }),
  page('/imports/{id}', { name: 'import-checked', at: world => world.mapping, does: async page => {
    await send(page, '[value=check]')
    await page.waitForSelector('.notice a[href$="/errors.csv"]', { timeout: 20_000 })
  } }),
  page('/imports/{id}', { name: 'import-running', at: () => '/imports', does: running }),
  page('/imports/{id}', { name: 'import-result', at: world => world.result }),
  page('/imports/{id}', { name: 'import-undone', at: world => world.undone }),
  ...['updated', 'skipped', 'failed', 'repeated'].map(outcome =>
    page('/imports/{id}/rows', { name: `import-rows-${outcome}`, at: world => `${world.result}/rows?outcome=${outcome}` })),
  page('/me', { name: 'token-shown', as: 'auditor', does: async page => {
    await page.fill('#tokens [name=token-name]', `Report ${Date.now() % 10000}`)
    await send(page, '#tokens form.form button')
  } }),
  page('/me', { name: 'token-wrong', as: 'auditor', does: async page => {
    page.expected = [422]
    await send(page, '#tokens form.form button')
  } }),
  admin('/people', { name: 'people-admin' }),
  admin('/people/new'),
  admin('/people/{id}', { name: 'person', at: world => `/people/${world.people}` }),
  admin('/people/{id}', { name: 'person-invited', at: world => `/people/${world.invited}` }),
  admin('/people/{id}', { name: 'person-link', at: world => `/people/${world.invited}`, does: page => send(page, '[action$="/invitation"] button') }),
  admin('/people/{id}/edit', { name: 'person-edit', at: world => `/people/${world.people}/edit` }),
  admin('/people/{id}/disable', { name: 'person-disable', at: world => `/people/${world.people}/disable` }),
  page('/people/{id}', { name: 'person-as-partner', at: world => `/people/${world.people}` }),
  ...['', '/organization', '/access', '/rates', '/pipelines', '/prices'].map(part => admin(`/settings${part}`)),
  admin('/settings/organization', { name: 'settings-organization-wrong', does: async page => {
    page.expected = [422]
    await page.fill('[name=name]', '')
    await send(page, 'main form .btn-primary')
  } }),
  admin('/settings/access/{object}', { name: 'settings-access-object', at: world => world.access }),
  admin('/settings/pipelines/{id}', { name: 'settings-pipeline', at: world => world.pipeline }),
  admin('/settings/stages/{id}', { name: 'settings-stage', at: world => world.stage }),
  admin('/settings/prices/{id}', { name: 'settings-price-list', at: world => world.prices }),
  admin('/settings/prices/{id}', { name: 'settings-conflict', at: world => world.prices, does: async page => {
    await overtaken('main form.form', 'name')(page)
    await send(page, 'main form.form > .form-actions .btn-primary')
  } }),
  page('/audit', { as: 'auditor' }),
  page('/audit', { name: 'audit-admin', as: 'admin' }),
  page('/api', { name: 'api-reference' }),
]

/** Addresses that answer with something else than a page: files, JSON, parts of pages. */
const NO_PAGE = [
  /^\/(assets\/\{file\}|favicon\.svg|health|palette|audit\.csv)$/, /^\/api\//, /^\/pick\//, /\.(csv|xlsx)$/, /\/sums$/, /^\/\w+\/filter\/input$/,
  /^\/imports\/templates\/\{file\}$/, /^\/(imports|bulk-jobs)\/\{id\}\/progress$/, /\/files\/\{file\}$/,
  /^\/setup$/,              // only before there is an organisation: setup.mjs
]
/** The same page for every kind of record. */
const SAME = [/^\/\w+\/(filter|columns|views?|bulk)$/, /^\/\w+\/\{id\}\/field\/\{field\}$/]

/** Routes of the program that no page of the walk opens. `help` chapters are added by the walk from the guide's own links. */
export function forgotten(routes) {
  const known = new Set(PAGES.map(page => page.route))
  const walked = route => known.has(route) || route === '/help/{chapter}' || SAME.some(same => same.test(route) && [...known].some(other => same.test(other)))
  return routes.filter(route => !walked(route) && !NO_PAGE.some(pattern => pattern.test(route)))
}

export const addressOf = (page, world) => BASE + page.at(world)

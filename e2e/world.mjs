// What the walk through the pages needs beside the demo data: sessions of several people, a record of every kind, and things
// the demo lacks (files, line items, shares, an import with errors, a price list, an invitation). Made once, by the same forms.
import { BASE, signIn, watch } from './lib.mjs'

const PEOPLE = Object.fromEntries(['partner', 'manager', 'seller', 'marketing', 'liaison', 'hr', 'auditor', 'admin'].map(who => [who, `${who}@trivet.example`]))
export const PASSWORD = process.env.E2E_PASSWORD ?? 'trivet-demo'
const FROM_HERE = { Origin: BASE, 'Sec-Fetch-Site': 'same-origin' }
export const KINDS = ['accounts', 'contacts', 'leads', 'opportunities', 'activities', 'tasks', 'products']

/** A form sent in the name of a session; throws when it is refused. Returns the answer. */
export async function post(context, path, form, how = 'form') {
  const answer = await context.request.post(BASE + path, { [how]: form, headers: FROM_HERE, maxRedirects: 0 })
  if (answer.status() >= 400) throw new Error(`POST ${path}: ${answer.status()}`)
  return answer
}

const idIn = address => address?.match(/[0-9a-f]{8}-[0-9a-f-]{27}/)?.[0]

/** Rows of which the second has no name and the third an amount that is none: the import refuses them and says why. */
const HEADINGS = process.env.E2E_EDITION === 'zh-CN' ? '名称,网站,员工数' : 'Name,Website,Employees'
export const CSV_WITH_ERRORS = `${HEADINGS}\nNorth Pier Works,https://north.example,12\n,https://nameless.example,3\nSouth Pier Works,https://south.example,many\n`
/** The same, and the first row twice more: it is changed, and then says nothing new. */
const CSV_WITH_EVERYTHING = `${CSV_WITH_ERRORS}${'North Pier Works,https://north.example,14\n'.repeat(2)}`
/** So many that they are still being taken in when their page is there. */
export const MANY_ROWS = `${HEADINGS}\n${Array.from({ length: 20_000 }, (_, row) => `Pier Works ${row},,${row}`).join('\n')}\n`
export const csv = (name, text) => ({ name, mimeType: 'text/csv', buffer: Buffer.from(text) })

/** Uploads a file of accounts; returns the address of its import. */
export async function upload(context, name, text = CSV_WITH_ERRORS) {
  const answer = await post(context, '/imports', { object: 'account', file: csv(name, text) }, 'multipart')
  return answer.headers().location
}

/** The session of one of the demo's people, for a context of its own. */
export async function signInAs(browser, who) {
  const context = await browser.newContext()
  try { return await signIn(await watch(context), PEOPLE[who], PASSWORD) } finally { await context.close() }
}

export async function makeWorld(browser) {
  const sessions = {}, contexts = {}
  for (const who of Object.keys(PEOPLE)) {
    sessions[who] = await signInAs(browser, who)
    contexts[who] = await browser.newContext({ storageState: sessions[who] })
  }
  const { partner, admin, seller } = contexts
  const look = await partner.newPage()
  const first = async (list, under = look) => {
    await under.goto(BASE + list, { waitUntil: 'domcontentloaded' })
    return idIn(await under.getAttribute('a[data-open]', 'href'))
  }
  const world = { sessions }
  for (const kind of KINDS) world[kind] = await first(`/${kind}?view=none`)
  world.opportunities = await first('/opportunities?view=none&f=state:is:open')
  world.won = await first('/opportunities?view=none&f=state:is:won')
  const qualified = '/leads?view=none&f=status:is:qualified'
  world.converted = await first(qualified)
  await look.goto(`${BASE}/leads/${world.converted}/convert`)
  await Promise.all([look.waitForURL(url => !url.pathname.endsWith('/convert')), look.click('form[action$="/convert"] .form-actions .btn-primary')])
  world.leads = await first(qualified)

  // A view that the partner shares with everybody, so that the dialog of views has one.
  await post(partner, '/opportunities/view', { name: 'Large and open', audience: 'all', query: 'f=state:is:open&f=amount:min:100000&sort=-amount' })
  await look.goto(`${BASE}/opportunities/views`)
  world.view = idIn(await look.locator('.view-rows a[href^="/views/"]').first().getAttribute('href'))

  // A deal with an offer; and a criterion of the stage in which it stands.
  await look.goto(`${BASE}/opportunities/${world.opportunities}`)
  const version = await look.inputValue('form[data-move-form] [name=version] >> nth=0')
  const evidence = await look.locator('[data-dialog*="/evidence/"]').first().getAttribute('href')
  world.evidence = evidence.split('/evidence/')[1]
  await post(partner, `/opportunities/${world.opportunities}/items`, { version, product: world.products, quantity: '3', discount: '5' })
  await look.goto(`${BASE}/opportunities/${world.opportunities}?tab=related`)
  world.item = idIn((await look.locator('a[href*="/items/"][href$="/edit"]').first().getAttribute('href')).split('/items/')[1])
  for (const kind of KINDS) {
    await post(partner, `/${kind}/${world[kind]}/files`, { file: { name: 'Minutes.txt', mimeType: 'text/plain', buffer: Buffer.from('Agreed on the next steps.') } }, 'multipart')
  }
  // The seller may read this account, but neither change nor share it: one that is not theirs yet.
  const people = async words => (await partner.request.get(`${BASE}/pick/person?q=${encodeURIComponent(words)}`)).json()
  world.people = (await people(''))[0].value
  const name = (await (await seller.request.get(`${BASE}/me`)).text()).match(/name="name"[^>]* value="([^"]+)"/)[1]
  const [someone] = await people(name)
  for (const { value } of await (await partner.request.get(`${BASE}/pick/account`)).json()) {
    if ((await seller.request.get(`${BASE}/accounts/${value}`)).status() === 404) { world.shared = value; break }
  }
  await post(partner, `/accounts/${world.shared}/shares`, { person: someone.value, may_write: 'false' })
  // Something in the trash.
  const task = idIn((await post(partner, '/tasks', { subject: 'Thrown away' })).headers().location)
  await post(partner, `/tasks/${task}/trash`, {})

  // One import that waits at its mapping, one that ran and left two rows over; and a mapping that was kept.
  world.mapping = await upload(partner, 'mapping.csv', CSV_WITH_EVERYTHING)
  world.result = await upload(partner, 'errors.csv', CSV_WITH_EVERYTHING)
  await look.goto(BASE + world.result)
  await look.fill('[name=mapping_name]', `Accounts ${Date.now() % 10000}`)
  await Promise.all([look.waitForNavigation(), look.click('button[value=keep]')])
  await Promise.all([look.waitForNavigation(), look.click('button[value=start]')])
  await look.waitForSelector('a[href$="/errors.csv"]', { timeout: 20_000 })
  // And one that was taken back.
  world.undone = await upload(partner, 'undone.csv', `${HEADINGS}\nWest Pier Works,,7\n`)
  await look.goto(BASE + world.undone)
  await Promise.all([look.waitForNavigation(), look.click('button[value=start]')])
  await look.waitForSelector('form[action$="/undo"]', { timeout: 20_000 })
  await post(partner, `${world.undone}/undo`, {})
  await look.goto(BASE + world.undone)
  await look.waitForSelector('#progress', { state: 'detached', timeout: 20_000 })
  // Work on more records than somebody waits for, tried only.
  const wish = { action: 'edit', filter: { f: ['state:is:open'] }, set: { next_step: 'Call' }, dry_run: true }
  const { address } = await (await post(partner, '/api/opportunities/bulk', wish, 'data')).json()
  for (let waited = 0, over = false; !over; waited++) {
    over = (await (await partner.request.get(BASE + address)).json()).state === 'done'
    if (waited > 60) throw new Error('work on many records does not end')
    if (!over) await look.waitForTimeout(1000)
  }
  world.bulkJob = address.replace('/api', '')
  await look.close()

  const prices = await post(admin, '/settings/prices', { name: `Partners ${Date.now() % 10000}`, currency: 'EUR', from: '', to: '' })
  world.prices = prices.headers().location
  // Where a deal may go.
  await post(admin, '/settings/pipelines', { name: `Partners ${Date.now() % 10000}` })
  // Two, because looking at one's page makes a new link, which ends the link before it.
  const invite = async name => idIn((await post(admin, '/people', { name, email: `${name.split(' ')[0]}.${Date.now()}@trivet.example` })).headers().location)
  const waiting = await invite('Quinn Harrow')
  world.invitation = (await (await post(admin, `/people/${waiting}/invitation`, {})).text()).match(/\/invitations\/[\w-]+/)[0]
  world.invited = await invite('Robin Fielding')
  const settings = await admin.newPage()
  const href = async (page, pattern) => {
    await settings.goto(BASE + page)
    return settings.locator(`main a[href^="${pattern}"]`).first().getAttribute('href')
  }
  world.pipeline = await href('/settings/pipelines', '/settings/pipelines/')
  world.stage = await href(world.pipeline, '/settings/stages/')
  world.access = await href('/settings/access', '/settings/access/')
  for (const context of Object.values(contexts)) await context.close()
  return world
}

// All browser tests against a running Trivet:  BASE_URL=http://127.0.0.1:8080 node run.mjs
// Other files join by exporting a function that takes the suite.
import { keyboard } from './keyboard.mjs'
import { BASE, suite } from './lib.mjs'
import { screens } from './screens.mjs'

const answer = await fetch(`${BASE}/sign-in`).catch(error => ({ ok: false, status: error.message }))
if (!answer.ok) {
  console.log(`Nothing usable answers at ${BASE} (${answer.status}). Start it first: make demo`)
  console.log('0 passed, 1 failed')
  process.exit(1)
}
const tests = suite()
await screens(tests)
await keyboard(tests)
tests.close()

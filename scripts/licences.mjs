// The licence texts of everything that ends up in the binary: crates (not build or test tools) and npm packages.
// Prints them to stdout; a text that several share is printed once.
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

const texts = folder => readdirSync(folder).filter(name => /^(licen[cs]e|copying|notice)/i.test(name)).sort()
  .flatMap(name => { try { return [readFileSync(join(folder, name), 'utf8').trim()] } catch { return [] } })

function crates() {
  const host = /host: (.*)/.exec(execFileSync('rustc', ['-vV'], { encoding: 'utf8' }))[1]
  const metadata = JSON.parse(execFileSync('cargo', ['metadata', '--format-version=1', '--locked', `--filter-platform=${host}`], { maxBuffer: 1 << 28 }))
  const nodes = new Map(metadata.resolve.nodes.map(node => [node.id, node]))
  const seen = new Set(), todo = [metadata.resolve.root]
  while (todo.length) {
    const id = todo.pop()
    if (seen.has(id)) continue
    seen.add(id)
    for (const { pkg, dep_kinds } of nodes.get(id).deps) if (dep_kinds.some(({ kind }) => kind === null)) todo.push(pkg)
  }
  return metadata.packages.filter(p => seen.has(p.id) && p.source)
    .map(p => ({ name: `${p.name} ${p.version}`, licence: p.license ?? 'see text', from: p.repository ?? '', texts: texts(dirname(p.manifest_path)) }))
}

function packages() {
  const { dependencies } = JSON.parse(readFileSync('web/package.json', 'utf8'))
  return Object.keys(dependencies).map(name => {
    const folder = join('web/node_modules', name)
    const p = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    return { name: `${name} ${p.version}`, licence: p.license, from: p.repository?.url ?? p.repository ?? '', texts: texts(folder) }
  })
}

const all = [...crates(), ...packages()].sort((a, b) => a.name < b.name ? -1 : 1)
console.log('Trivet contains the following software of others.\n')
for (const { name, licence, from } of all) console.log(`${name}  (${licence})  ${from}`)
const of = new Map()
for (const { name, texts } of all) for (const text of texts) of.set(text, [...of.get(text) ?? [], name])
for (const [text, names] of of) console.log(`\n${'-'.repeat(78)}\n${names.join(', ')}\n\n${text}`)

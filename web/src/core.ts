// The script of every page. All of it adds to pages that already work as plain HTML; web/README.md has the contract.
import './requests'
import { startBoard } from './board'
import { startDialogs } from './dialog'
import { startKeys } from './keys'
import { startPage } from './page'
import { startPalette } from './palette'
import { startPickers } from './picker'
import { startTables } from './table'
import { startToasts } from './toast'

startToasts()
startDialogs()
startPage()
startPalette()
startKeys()
startTables()
startPickers()
startBoard()

/** Exports what the page loads later, except the emojis. One file, because many small files would compress worse. */
import { Account } from './account/account.tsx'
import { Controls } from './actions/controls.tsx'
import { Reactors } from './actions/reactors.tsx'
import { RoomMenu } from './actions/room-menu.tsx'
import { Admin } from './admin/admin.tsx'
import { Login } from './login/login.tsx'
import { MailLinkForm } from './login/mail-link-form.tsx'
import { NoteLine, NoteText } from './note-line.tsx'
import { startNotifier } from './notifier.ts'
import { Join } from './room/join.tsx'
import { NewDirect } from './room/new-direct.tsx'
import { NewRoom } from './room/new-room.tsx'
import { Pins } from './room/pins.tsx'
import { SafetyDialog } from './room/report.tsx'
import { RoomPanel } from './room/room-panel.tsx'

export const parts = {
  Account,
  Admin,
  Controls,
  Join,
  Login,
  MailLinkForm,
  NewDirect,
  NewRoom,
  NoteLine,
  NoteText,
  Pins,
  Reactors,
  RoomMenu,
  RoomPanel,
  SafetyDialog,
  startNotifier
}

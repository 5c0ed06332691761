/** Exports the dialogs of rooms, so that they are loaded together. */
export { Join } from './join.tsx'
export { NewDirect } from './new-direct.tsx'
export { NewRoom } from './new-room.tsx'
export { Pins } from './pins.tsx'
export { SafetyDialog } from './report.tsx'
export { RoomPanel } from './room-panel.tsx'

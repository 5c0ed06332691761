/** Collects the notes of a room: those that arrive, and those between the loaded messages. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { ChatClient, MembershipFrame, PinFrame, Room, RoomFrame, RoomState } from '../../client/src/index.ts'
import { peopleOf } from './mentions.ts'
import { type Note, noteOf, subjectsOfOthers, withNotes, withoutName } from './notes.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { loadParts } from './part.ts'
import { readersIn } from './receipts.ts'

type Views = Pick<Awaited<ReturnType<typeof loadParts>>, 'NoteLine' | 'NoteText'>

export interface Notes {
  /** The components that render notes. They are loaded when there is a first note, and undefined until then. */
  readonly views: Views | undefined
  /** Ascending by `seq`. */
  readonly notes: readonly Note[]
  /** The newest note that has arrived while the room was shown. */
  readonly latest: Note | undefined
  /**
   * The names of the members, and of users who were members while the room was shown. The names are loaded when a member opens
   * the room, and again when a note or a read mark belongs to a user whose name the page does not know.
   */
  readonly members: ReadonlyMap<number, string>
}

/** Maximum number of entries per page of the log. */
const PAGE = 100
/** Maximum number of pages of the log that are loaded for one page of messages. */
const MAX_PAGES = 2
const MAX_MEMBERS = 100
/** Time in milliseconds after which notes that could not be loaded are loaded again. */
const RETRY_MS = 5000

export const useNotes = (client: ChatClient, room: Room, state: RoomState, isMember: boolean): Notes => {
  const [notes, setNotes] = useState<readonly Note[]>([])
  const [latest, setLatest] = useState<Note>()
  /** The notes are loaded from the entry with this `seq` on. Undefined before the first load. */
  const loadedFrom = useRef<number>()
  /** Increases when notes that could not be loaded must be loaded again. */
  const [attempt, setAttempt] = useState(0)
  /** Increases when the log is replaced, so that notes that were requested from the former log are discarded. */
  const generation = useRef(0)
  const retry = useRef<ReturnType<typeof setTimeout>>()
  const add = (more: readonly Note[]): void => setNotes(before => withNotes(before, more))

  useEffect(() => {
    const receive = (entry: MembershipFrame | RoomFrame | PinFrame): void => {
      const note = noteOf(entry)
      if (!note) return
      add([note])
      setLatest(note)
    }
    const stops = [
      room.on('membership', receive),
      room.on('room', receive),
      room.on('update', change => change.type === 'pin' && receive(change)),
      room.on('erasure', erasure => setNotes(before => withoutName(before, erasure))),
      room.on('resync', ({ isReplaced }) => {
        if (!isReplaced) return
        loadedFrom.current = undefined
        generation.current++
        setNotes([])
      })
    ]
    return () => {
      for (const stop of stops) stop()
      clearTimeout(retry.current)
    }
  }, [room])

  const { messages, hasOlder, isLoadingOlder } = state
  const from = hasOlder ? messages[0]?.seq : 1
  useEffect(() => {
    const before = loadedFrom.current
    if (isLoadingOlder || from === undefined || !isReadable(state)) return
    if (before !== undefined && before <= from) return
    loadedFrom.current = from
    const startedIn = generation.current
    const addLoaded = (loaded: readonly Note[]): void => {
      if (generation.current === startedIn) add(loaded)
    }
    load(client, room, gapIn(messages, from, before)).then(addLoaded, () => {
      if (generation.current === startedIn) loadedFrom.current = before
      clearTimeout(retry.current)
      retry.current = setTimeout(() => setAttempt(number => number + 1), RETRY_MS)
    })
  }, [from, isLoadingOlder, isReadable(state), attempt])

  const members = useMembers(client, room, notes, state, isMember)
  const views = useViews(notes.length > 0)
  return { views, notes: views ? notes : NONE, latest, members }
}

const NONE: readonly Note[] = []

const useViews = (isNeeded: boolean): Views | undefined => {
  const [views, setViews] = useState<Views>()
  useEffect(() => {
    if (isNeeded) loadParts().then(setViews, () => {})
  }, [isNeeded])
  return views
}

const isReadable = ({ status, error }: RoomState): boolean => status !== 'joining' && error === undefined

/**
 * If the user is a member, loads the members when the room is opened. Loads the members again if the page does not know the
 * name of a user in a note or in a read mark.
 */
const useMembers = (
  { api, identity }: ChatClient,
  { name }: Room,
  notes: readonly Note[],
  state: RoomState,
  isMember: boolean
): ReadonlyMap<number, string> => {
  const [members, setMembers] = useState<ReadonlyMap<number, string>>(new Map())
  const requested = useRef(new Set<number>())
  const load = useMemo(
    () =>
      oneAtATime(async () => {
        const page = await api.members(name, { limit: MAX_MEMBERS })
        setMembers(before => new Map([...before, ...page.members.map(one => [one.user_id, one.username] as const)]))
      }),
    []
  )
  // Loads the members in advance, because a message may mention a member who is not online.
  useEffect(() => {
    if (isMember) load()
  }, [isMember])
  useEffect(() => {
    const people = peopleOf(state)
    const wanted = [...subjectsOfOthers(notes, identity?.user_id), ...readersIn(state.reads)]
    const unknown = wanted.filter(
      id => id !== identity?.user_id && !people.has(id) && !members.has(id) && !requested.current.has(id)
    )
    if (unknown.length === 0) return
    for (const id of unknown) requested.current.add(id)
    load()
  }, [notes, state.reads])
  return members
}

interface Range {
  readonly first: number
  /** The `seq` of the last entry. Undefined if the range has no end. */
  readonly last: number | undefined
}

/**
 * Returns the range of entries to load: from the entry `from` to the last entry below `before`, without the loaded messages at
 * its beginning. If `before` is undefined, the range has no end. Returns undefined if all entries of the range are loaded
 * messages.
 */
const gapIn = (messages: RoomState['messages'], from: number, before: number | undefined): Range | undefined => {
  const known = new Set(messages.map(({ seq }) => seq))
  const end = before ?? (messages.at(-1)?.seq ?? from - 1) + 1
  let first = from
  while (first < end && known.has(first)) first++
  if (before === undefined) return { first, last: undefined }
  return first < before ? { first, last: before - 1 } : undefined
}

const load = async ({ api }: ChatClient, { name }: Room, range: Range | undefined): Promise<readonly Note[]> => {
  const notes: Note[] = []
  if (!range) return notes
  const { first, last = Number.POSITIVE_INFINITY } = range
  let after = first - 1
  for (let pages = 0; pages < MAX_PAGES && after < last; pages++) {
    const page = await api.log(name, { after, limit: Math.min(PAGE, last - after) })
    notes.push(...page.entries.flatMap(entry => noteOf(entry) ?? []))
    const end = Number(page.entries.at(-1)?.seq ?? last)
    if (!page.has_more) break
    after = end
  }
  return notes
}

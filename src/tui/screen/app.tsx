/** @jsxImportSource react */
/** The whole screen: the login until there is somebody, then the chat; the login again when the service wants one. */
import { useEffect, useState } from 'react'
import type { ChatClient, ConnectionState } from '../../client/index.ts'
import type { Session } from '../session.ts'
import { Chat } from './chat.tsx'
import { type Conversation, createConversation } from './conversation.ts'
import { EMPTY } from './editor.ts'
import { useLive } from './hooks.ts'
import { Login } from './login.tsx'
import { Colour } from './styled.tsx'

export interface AppProps {
  readonly session: Session
  readonly room: string
  readonly hasColour: boolean
  /** Makes the client of the session; called once per user. */
  readonly connect: () => ChatClient
}

interface Connected {
  /** Whose client it is. */
  readonly username: string
  readonly client: ChatClient
  readonly conversation: Conversation
}

export const App = ({ session, room, hasColour, connect }: AppProps) => {
  const begin = (): Connected => {
    const client = connect()
    return {
      username: session.username ?? '',
      client,
      conversation: createConversation(client, room, () => session.username ?? '')
    }
  }
  const [connected, setConnected] = useState<Connected | undefined>(() => (session.isReady ? begin() : undefined))
  const state = useConnection(connected?.client)
  // Kept here, so that a login in between keeps the text.
  const draft = useLive(EMPTY)
  /** The same user goes on where they were; another one finds nothing of theirs. */
  const enter = (): void => {
    const isSame = connected?.username.toLowerCase() === session.username?.toLowerCase()
    if (connected && isSame) return connected.client.connect()
    void connected?.client.forget()
    draft.set(EMPTY)
    setConnected(begin())
  }
  const isRefused = state?.status === 'offline' && state.reason === 'unauthorized'

  return (
    <Colour.Provider value={hasColour}>
      {connected && !isRefused ? (
        <Chat conversation={connected.conversation} draft={draft} host={new URL(session.url).host} />
      ) : (
        <Login
          url={session.url}
          username={session.username ?? ''}
          reason={isRefused ? state.detail : ''}
          onLogIn={session.logIn}
          onRegister={session.register}
          onDone={enter}
        />
      )}
    </Colour.Provider>
  )
}

const useConnection = (client: ChatClient | undefined): ConnectionState | undefined => {
  const [state, setState] = useState(client?.state)
  useEffect(() => {
    if (!client) return
    setState(client.state)
    const stop = client.on('state', setState)
    return () => void stop()
  }, [client])
  return state
}

/** @jsxImportSource react */
/** Renders the login form until a user is logged in, then the chat, and the form again when the service rejects the token. */
import { useEffect, useState } from 'react'
import type { ChatClient, ConnectionState } from '../../../client/src/index.ts'
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
  /** Creates the session's client. Called once per user. */
  readonly connect: () => ChatClient
}

interface Connected {
  readonly username: string
  readonly client: ChatClient
  readonly conversation: Conversation
}

export const App = ({ session, room, hasColour, connect }: AppProps) => {
  const openConversation = (): Connected => {
    const client = connect()
    return {
      username: session.username ?? '',
      client,
      conversation: createConversation({
        client,
        apis: session.openApis(),
        room,
        userOf: () => session.username ?? ''
      })
    }
  }
  const [connected, setConnected] = useState<Connected | undefined>(() =>
    session.isReady ? openConversation() : undefined
  )
  const state = useConnection(connected?.client)
  // The draft is state of this component and not of `Chat`, so that the draft survives a new login.
  const draft = useLive(EMPTY)
  /**
   * Resumes the conversation for the same user. For another user, deletes the former user's data and starts a new conversation.
   */
  const onLoggedIn = (): void => {
    const isSame = connected?.username.toLowerCase() === session.username?.toLowerCase()
    if (connected && isSame) return connected.client.connect()
    void connected?.client.forget()
    draft.set(EMPTY)
    setConnected(openConversation())
  }
  const isUnauthorized = state?.status === 'offline' && state.reason === 'unauthorized'

  return (
    <Colour.Provider value={hasColour}>
      {connected && !isUnauthorized ? (
        <Chat conversation={connected.conversation} draft={draft} host={new URL(session.url).host} />
      ) : (
        <Login
          url={session.url}
          username={session.username ?? ''}
          reason={isUnauthorized ? state.detail : ''}
          onLogIn={session.logIn}
          onCode={session.logInWithCode}
          onRegister={session.register}
          onDone={onLoggedIn}
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

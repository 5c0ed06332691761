/** Renders the quote in a reply as a button. The button jumps to the quoted message. */
import { Reply } from './actions/icons.ts'
import type { Quote } from './quotes.ts'

interface QuoteButtonProps {
  readonly quote: Quote
  /** Whether the keyboard can reach the button. */
  readonly isActive: boolean
  readonly onJump: (seq: number) => void
}

export const QuoteButton = ({ quote, isActive, onJump }: QuoteButtonProps) => (
  <button type="button" class="quote" tabIndex={isActive ? 0 : -1} onClick={() => onJump(quote.seq)}>
    <Reply />
    <span class="hidden">In reply to </span>
    <QuoteText quote={quote} />
  </button>
)

export const QuoteText = ({ quote: { username, excerpt, note } }: { readonly quote: Quote }) => (
  <>
    {username !== undefined && <bdi class="quote-who">{username}</bdi>}{' '}
    {excerpt === undefined ? <em>{note}</em> : <bdi class="quote-text">{excerpt}</bdi>}
  </>
)

/** Runs the attacks in a separate process, so that they do not delay the users whose latency is measured. */
import { type Attack, attacks, type Target } from './attacks.ts'

/** The message by which run.ts starts an attack. The attack runs for `ms` milliseconds. */
export interface Order {
  readonly attack: string
  readonly ms: number
  readonly target: Omit<Target, 'signal'>
}

const perform = async ({ attack: name, ms, target }: Order): Promise<void> => {
  const attack = attacks.find(one => one.name === name) as Attack
  await attack.run({ ...target, signal: AbortSignal.timeout(ms) })
  if (attack.leavesOpen) await new Promise(done => setTimeout(done, ms))
}

process.on('message', async (order: Order) => {
  await perform(order).catch(error => process.stderr.write(`${order.attack}: ${error}\n`))
  process.send?.('done')
})
process.on('uncaughtException', error => process.stderr.write(`attacker: ${error}\n`))

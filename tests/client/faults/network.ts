/** Causes one fault: of the connection of a user, or of the notifications between the processes. */
import type { App } from './app.ts'
import { count } from './counts.ts'
import { pause, pick } from './random.ts'
import type { World } from './world.ts'

const FAULTS: Readonly<Record<string, (app: App, world: World) => Promise<void> | void>> = {
  cut: ({ proxy }) => proxy.cut(),
  delay: (app, { random }) => holdBack(app, 20 + random() * 150),
  stall: (app, { random }) => holdBack(app, 500 + random() * 700),
  halfOpen: ({ proxy }) => proxy.halfOpen(),
  async lose({ loss }, { random }) {
    loss.percent = 20 + random() * 30
    await pause(100 + random() * 400)
    loss.percent = 0
  },
  /** Moves the user to any of the processes. */
  move({ proxy }, { random, services }) {
    proxy.redirect(services.port(Math.floor(random() * services.count)))
    proxy.cut()
  },
  loseNotifications: (_, { random, services }) => services.withoutNotifications(() => pause(200 + random() * 600))
}

const holdBack = async ({ proxy }: App, ms: number): Promise<void> => {
  proxy.stall()
  await pause(ms)
  proxy.resume()
}

export const causeFault = async (app: App, world: World): Promise<void> => {
  const name = pick(Object.keys(FAULTS), world.random) ?? 'cut'
  count(world.counts.faults, name)
  await FAULTS[name]?.(app, world)
}

/** Ends the faults of a user's connection. A half-open connection stays half open until the client closes it. */
export const endFaults = ({ proxy, loss }: App): void => {
  loss.percent = 0
  proxy.resume()
}

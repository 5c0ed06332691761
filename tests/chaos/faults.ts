/**
 * Provides functions that each inject one kind of fault into a service process, its network or the database, keyed by the name
 * of the fault.
 */
import type { ChaosClient } from './client.ts'
import type { Cluster } from './cluster.ts'
import type { Service } from './service.ts'

export interface FaultTargets {
  readonly cluster: Cluster
  readonly clients: readonly ChaosClient[]
  readonly random: () => number
}

export const wait = (ms: number) => new Promise<void>(done => setTimeout(done, ms))

export const createFaults = ({
  cluster,
  clients,
  random
}: FaultTargets): Record<string, (service: Service) => Promise<void>> => ({
  async kill(service) {
    await service.kill()
    await wait(300 + random() * 1500)
    service.start()
  },
  async 'die between commit and ack'(service) {
    service.signal('SIGUSR2')
    await wait(1500)
    await service.kill()
    service.start()
  },
  async 'die between ack and delivery'(service) {
    service.signal('SIGUSR2')
    await wait(20)
    service.signal('SIGUSR2')
    await wait(1500)
    await service.kill()
    service.start()
  },
  async 'restart the database'() {
    cluster.restart()
  },
  async 'cut the database’s connections'(service) {
    service.proxy.cut()
  },
  async 'stall the database’s connections'(service) {
    service.proxy.stall()
    await wait(1000 + random() * 5000)
    service.proxy.resume()
  },
  async 'stall, then cut'(service) {
    service.proxy.stall()
    await wait(500 + random() * 2000)
    service.proxy.cut()
    service.proxy.resume()
  },
  async 'pause the process'(service) {
    service.signal('SIGSTOP')
    await wait(500 + random() * 4000)
    service.signal('SIGCONT')
  },
  async 'read slowly'() {
    const client = clients[Math.floor(random() * clients.length)]
    client?.pause(500 + random() * 3000)
  }
})

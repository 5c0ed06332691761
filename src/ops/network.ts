/** Whom an address belongs to, for limits: of IPv6 a household has a /64, so that is what counts as one. */
import { isIPv6 } from 'node:net'

const GROUPS = 8
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** An IPv4 address as it is, also when it is mapped into IPv6; of IPv6 the /64, as `2001:db8:0:1::/64`. */
export const networkOf = (address: string): string => {
  const [, mapped] = MAPPED.exec(address) ?? []
  if (mapped !== undefined) return mapped
  const [plain = ''] = address.split('%')
  if (!isIPv6(plain)) return address
  const [left = [], right = []] = plain.split('::').map(side => side.split(':').filter(Boolean))
  const zeros = Array.from({ length: GROUPS - left.length - right.length }, () => '0')
  const network = [...left, ...zeros, ...right].slice(0, 4)
  return `${network.map(group => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}

/** The settings of metrics. If neither `metricsToken` nor `metricsPort` is set, the service serves no metrics. */
import { integer, optional, ownedBy, text } from './define.ts'

export const metricsSettings = ownedBy('metrics', {
  metricsToken: optional(
    text({
      pattern: '^[\\w.~+/-]{16,256}=*$',
      'x-rule': 'must have 16 to 256 characters of A-Z a-z 0-9 . _ ~ + / -',
      advice: 'Create one with `openssl rand -hex 32`',
      description:
        'Turns on `GET /metrics`, for requests with `Authorization: Bearer` and this token. Requires the package `prom-client`, which the image contains.'
    })
  ),
  metricsPort: integer(0, {
    maximum: 65_535,
    description:
      'Turns on `GET /metrics` on a port of its own, without a token. Requires the package `prom-client`, which the image contains. 0 for none.'
  }),
  metricsHost: text({ default: '127.0.0.1', description: 'The address to which `METRICS_PORT` is bound.' })
})

// Checks our two packages as users install them: packed, installed into empty projects, compiled by a strict project that checks
// libraries too, and run.
import { createProjects } from './empty-project.js'
import { tryClient } from './try-client.js'
import { tryHost } from './try-host.js'

const projects = createProjects()
try {
  await tryClient(projects)
  tryHost(projects)
} finally {
  projects.remove()
}

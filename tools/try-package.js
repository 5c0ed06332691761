// Checks both packages as users install them: packs them, installs them into empty projects, compiles strictly, the types of
// libraries included, and runs the result.
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

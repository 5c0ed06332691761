// Checks both packages as users install them. Packs the packages, installs them into empty projects, compiles these projects
// with strict options (which also check the types of libraries), and runs the result.
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

// Checks both packages as users install them. Packs the packages and installs them into empty projects. Compiles these
// projects with strict options, which also check the types of libraries. Runs the result.
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

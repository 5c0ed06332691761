// Checks both packages as users install them. Packs the packages and installs them into empty projects. Compiles these
// projects with strict options, which also check the types of libraries. Runs the result.
import { createProjects } from './empty-project.js'
import { tryClient } from './try-client.js'
import { tryHost } from './try-host.js'
import { tryPrepare } from './try-prepare.js'

const projects = createProjects()
try {
  await tryClient(projects)
  const tarball = projects.pack()
  tryHost(projects, tarball)
  tryPrepare(projects, tarball)
} finally {
  projects.remove()
}

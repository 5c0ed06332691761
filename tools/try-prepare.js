// Checks the package that `npm install git+https://…` creates. npm clones the repository, installs the development dependencies, and
// runs `prepare`. Installing them takes more than a minute, so this check uses those of this repository.
import { run } from './empty-project.js'

const filesOf = tarball => run('.', 'tar', '-tf', tarball).trim().split('\n').sort()

/** Throws unless the package that npm creates from a Git URL has the same files as `tarball`. */
export const tryPrepare = (projects, tarball) => {
  const [wanted, found] = [filesOf(tarball), filesOf(projects.packPrepared())]
  const missing = wanted.filter(file => !found.includes(file))
  if (missing.length > 0 || found.length !== wanted.length)
    throw new Error(
      `The package from a Git URL has other files. It has ${found.length}, and lacks: ${missing.join(', ')}`
    )
  process.stdout.write(`npm builds the same ${found.length} files from a Git URL\n`)
}

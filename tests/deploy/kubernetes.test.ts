/** Tests that the example for Kubernetes is generated from its typed source. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { kubernetesYaml } from '../../deploy/kubernetes.ts'

test('deploy/kubernetes.yaml is up to date, and each document is an object of its own', () => {
  const committed = readFileSync(join(import.meta.dirname, '../../deploy/kubernetes.yaml'), 'utf8')
  expect(committed, 'run `npm run deploy:kubernetes`').toBe(kubernetesYaml)
  const kinds = parseAllDocuments(committed).map(document => document.toJS().kind)
  expect(kinds).toEqual(['Deployment', 'Service', 'PodDisruptionBudget'])
})

/** Returns the components that are not needed at first, and loads them, all together, when the first of them is shown. */
import type { FunctionComponent } from 'preact'
import { lazy } from './lazy.tsx'

type Parts = typeof import('./parts.ts').parts

export const loadParts = async (): Promise<Parts> => (await import('./parts.ts')).parts

export const part = <Props extends object>(
  choose: (parts: Parts) => FunctionComponent<Props>
): FunctionComponent<Props> => lazy(async () => choose(await loadParts()))

/** Loads the components that the page does not need at first. All of them are loaded together when the first one is shown. */
import type { FunctionComponent } from 'preact'
import { lazy } from './lazy.tsx'

type Parts = typeof import('./parts.ts').parts

export const loadParts = async (): Promise<Parts> => (await import('./parts.ts')).parts

export const part = <Props extends object>(
  choose: (parts: Parts) => FunctionComponent<Props>
): FunctionComponent<Props> => lazy(async () => choose(await loadParts()))

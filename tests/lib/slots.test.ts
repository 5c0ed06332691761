import { expect, test } from 'vitest'
import { createSlots } from '../../src/lib/slots.ts'

test('begins tasks at once while slots are free, and the other tasks in order as slots are released', () => {
  const slots = createSlots(2)
  const begun: number[] = []
  for (const task of [1, 2, 3, 4]) slots.take(() => begun.push(task))
  expect(begun).toEqual([1, 2])
  expect(slots).toMatchObject({ active: 2, waiting: 2 })
  slots.release()
  expect(begun).toEqual([1, 2, 3])
  slots.release()
  slots.release()
  expect(begun).toEqual([1, 2, 3, 4])
  expect(slots).toMatchObject({ active: 1, waiting: 0 })
})

test('begins any number of waiting tasks that release their slot at once', () => {
  // Nested calls of so many tasks would exceed the size of the stack.
  const TASKS = 20_000
  const slots = createSlots(1)
  let begun = 0
  slots.take(() => {})
  for (let task = 0; task < TASKS; task++) {
    slots.take(() => {
      begun++
      slots.release()
    })
  }
  slots.release()
  expect(begun).toBe(TASKS)
  expect(slots).toMatchObject({ active: 0, waiting: 0 })
})

test('a task that throws when it begins does not block later tasks', () => {
  const slots = createSlots(1)
  const began: string[] = []
  slots.take(() => began.push('first'))
  slots.take(() => {
    throw new Error('second')
  })
  slots.take(() => began.push('third'))
  expect(() => slots.release()).toThrow('second')
  slots.release()
  expect(began).toEqual(['first', 'third'])
})

/** Saves a text as a file, from a link that the page presses itself. */
export const download = (name: string, text: string, type = 'text/plain'): void => {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser has read the link when the task of the click has ended.
  setTimeout(() => URL.revokeObjectURL(url), 1000)
}

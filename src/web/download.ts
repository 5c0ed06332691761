/** Saves a text as a file, by clicking a temporary link. */
export const download = (name: string, text: string, type = 'text/plain'): void => {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The URL is released later, because the browser reads it only after the click.
  setTimeout(() => URL.revokeObjectURL(url), 1000)
}

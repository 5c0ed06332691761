/** Types the part of `qrcode` that the page uses. */
declare module 'qrcode/lib/core/qrcode.js' {
  export const create: (
    text: string,
    options: { readonly errorCorrectionLevel: 'L' | 'M' | 'Q' | 'H' }
  ) => { readonly modules: { readonly size: number; get(row: number, column: number): boolean | number } }
}

/** Parses the source files of the project, for tests that check all of them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ESTree, parseSync } from 'vite'

const root = join(import.meta.dirname, '../..')

/** The path and the syntax tree (ESTree) of each source file. */
export const sources = ['src', 'client/src', 'plugins', 'routes']
  .flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter(name => /\.tsx?$/.test(name))
      .map(name => join(folder, name))
  )
  .map(file => ({ file, program: parseSync(file, readFileSync(join(root, file), 'utf8')).program }))

/** An exported function, and the names of its parameters that are strings. */
export interface ExportedFunction {
  readonly name: string
  readonly strings: readonly string[]
}

const isString = (type: ESTree.TSType | undefined): boolean =>
  type?.type === 'TSStringKeyword' || (type?.type === 'TSUnionType' && type.types.some(isString))

const stringsOf = (parameters: readonly ESTree.ParamPattern[]): string[] =>
  parameters.flatMap(one => {
    const parameter = one.type === 'AssignmentPattern' ? one.left : one
    return parameter.type === 'Identifier' && isString(parameter.typeAnnotation?.typeAnnotation) ? [parameter.name] : []
  })

/** Returns the functions that a file exports by their names. */
export const exportedFunctions = ({ body }: ESTree.Program): ExportedFunction[] =>
  body.flatMap(statement => {
    const declared = statement.type === 'ExportNamedDeclaration' ? statement.declaration : null
    if (declared?.type === 'FunctionDeclaration')
      return [{ name: declared.id?.name ?? '', strings: stringsOf(declared.params) }]
    if (declared?.type !== 'VariableDeclaration') return []
    return declared.declarations.flatMap(({ id, init }) =>
      id.type === 'Identifier' && init?.type === 'ArrowFunctionExpression'
        ? [{ name: id.name, strings: stringsOf(init.params) }]
        : []
    )
  })

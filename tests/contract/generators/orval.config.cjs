// Generates Zod schemas for all parts of requests and responses.
const all = { response: true, body: true, param: true, query: true, header: true }

module.exports = {
  chat: {
    input: './generated/openapi.json',
    output: { target: './generated/zod.ts', client: 'zod', override: { zod: { generate: all } } }
  }
}

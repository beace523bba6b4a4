/**
 * A page of the orders in a browser. To delete one takes a touch for exactly that request, and the page does not
 * know how: it calls `proofgateFetch`, which the gateway serves at the API's own host.
 */
export const ordersPage = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Orders</title>
    <link rel="icon" href="data:," />
  </head>
  <body>
    <main>
      <h1>Orders</h1>
      <ul id="orders"></ul>
      <p id="said" role="status"></p>
    </main>
    <script type="module">
      import { NotApproved, proofgateFetch } from '/.proofgate/js/proofgate.js'

      const [list, said] = [document.getElementById('orders'), document.getElementById('said')]

      async function show() {
        const answer = await fetch('/orders')
        if (!answer.ok) return location.reload()
        const { orders } = await answer.json()
        list.replaceChildren(...orders.map(row))
      }

      function row({ id, item, quantity }) {
        const [line, button] = [document.createElement('li'), document.createElement('button')]
        button.textContent = 'Delete order ' + id
        button.addEventListener('click', () => void remove(id))
        line.append(quantity + ' x ' + item + ' ', button)
        return line
      }

      async function remove(id) {
        said.textContent = 'Waiting for your approval…'
        try {
          const answer = await proofgateFetch('/orders/' + id, { method: 'DELETE' })
          said.textContent = answer.ok ? 'Order ' + id + ' is deleted.' : 'Refused: ' + answer.status
        } catch (error) {
          if (!(error instanceof NotApproved)) throw error
          said.textContent = 'Nothing was deleted: ' + error.state + '.'
        }
        await show()
      }

      await show()
    </script>
  </body>
</html>
`

/** Publishes as Symfony's component does to a hub of protocol 0.x: a form, and a token with a `mercure` claim. */
export async function feed(hub, token) {
  for (const [id, left] of [
    ['apples', 7],
    ['pears', 3],
    ['apples', 6],
  ]) {
    const answer = await fetch(hub, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: new URLSearchParams({
        topic: `https://shop.example/stock/${id}`,
        data: JSON.stringify({ id, left }),
      }),
    })
    if (!answer.ok) throw new Error(await answer.text())
  }
  return 'fed'
}

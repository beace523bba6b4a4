/** Texts that would run, break out or mislead if a page printed them as they are. */
export const probes = {
  'an image with a handler': `"><img src=x onerror=alert(1)>`,
  'a script': `</title></style></script><script>alert(1)</script>`,
  'an SVG with a handler': `'><svg/onload=alert(1)>`,
  'an attribute with a handler': `" autofocus onfocus="alert(1)`,
  'an unquoted attribute with a handler': `x onmouseover=alert(1) y=`,
  'a template expression': '{{7*7}}${7*7}{brand}',
  'a script address': 'javascript:alert(1)',
  entities: '&lt;script&gt;&#x3c;img src=x onerror=alert(1)&#x3e;',
  'a comment and a document type': '--><!doctype html><!--<base href=//evil.example>',
  'a refresh': '"><meta http-equiv=refresh content="0;url=javascript:alert(1)">',
  'a reversed name': '\u202egpj.exe\u0000\u2066',
} as const

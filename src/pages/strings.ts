/**
 * Every word a page shows. `{name}` marks a place that `fill` fills. English is the catalogue's
 * first language; another one is another value of `Strings`.
 */
export const english = {
  language: 'en',
  brand: 'Proofgate',
  skip: 'Skip to the content',
  noScript:
    'This page needs JavaScript to reach your passkey. Allow it for this site and load the page again.',

  /** Said by the scripts while and after the browser asks for a passkey. */
  ceremony: {
    waiting:
      'Your browser is asking for your passkey. Use your fingerprint, face or screen lock, or touch your security key.',
    checking: 'Thank you. Checking what your passkey said…',
    welcome: 'Confirmed. Taking you on…',
    cancelled:
      'Nothing happened: the request was closed or ran out of time. You can try again whenever you like.',
    unsupported:
      'This browser or device cannot use passkeys here. Update the browser, or use a phone or a security key.',
    failed:
      'That passkey was not accepted. Try another one, or ask your administrator for a new link.',
    suspended: 'This passkey is suspended. Use another one, or ask your administrator.',
    wrongSite:
      'This address does not belong to the site your passkey was made for. Check the address bar, and go on only from a link you trust.',
    limited: 'Too many attempts in a short time. Wait a minute, then try again.',
    unavailable: 'The server cannot answer right now. Nothing was changed; try again in a moment.',
    offline: 'The server could not be reached. Check your connection, then try again.',
    confirmFirst: 'First confirm that it is you, with a passkey you already have.',
    reference: 'Reference:',
  },

  signIn: {
    title: 'Sign in',
    heading: 'Sign in to {relyingParty}',
    forApplication: 'You will then go on to {application}.',
    again:
      'You are signed in already. What comes next takes a touch of its own, so that nobody else can do it for you.',
    username: 'Username',
    usernameHint: 'Choose your passkey from the list your browser offers here.',
    button: 'Sign in with a passkey',
    before:
      'Your browser will ask for your fingerprint, face or screen lock, or for a touch of your security key. It stays on your device and is never sent to us.',
    after: 'When your passkey has answered, you go on by yourself. There is no password.',
    help: 'Lost every passkey? Ask your administrator for a recovery link.',
  },

  stepUp: {
    title: 'Confirm that it is you',
    why: '{application} asks for this before it goes on with what you began there.',
    route: 'What you began',
    takes: 'What it takes',
    passkey: 'A passkey',
    hardware: 'A hardware security key whose make is proven',
    fresh: ', used in the last {seconds} seconds',
    kept: 'What you entered is kept for five minutes and is sent once, after this.',
    button: 'Confirm with a passkey',
    messages: {
      stronger:
        'This takes a hardware security key whose make is proven. Try again with such a key; your account page shows the ones you have.',
      ended:
        'What this was for has ended: it was sent already, or took longer than five minutes. Go back to where you began and do it again.',
      restricted: 'This passkey is for some tasks only. Try again with another one.',
    },
    unexpected: 'You did not begin this? Then close the page: nothing was sent.',
    continueTitle: 'Thank you. Send it now?',
    continueText: '{application} has not seen yet what you entered. It is sent once.',
    continueButton: 'Send it',
    continueHint: 'To send nothing, close the page.',
  },

  enrol: {
    title: 'Create a passkey',
    headingTicket: 'Welcome, {person}',
    headingSignedIn: 'Add a passkey',
    account: 'This passkey will open the account {username} at {relyingParty}.',
    stepsLabel: 'Steps',
    stepTouch: 'Touch',
    stepName: 'Name',
    stepSecond: 'Second key',
    touchHeading: 'Create your passkey',
    touchHeadingMore: 'Create another passkey',
    touchText:
      'Your browser will offer to keep it on this device, on your phone or on a security key. Then it asks for your fingerprint, face or screen lock.',
    alreadyHave: 'You already have a passkey. This one is added to it.',
    confirmText: 'Before the new passkey is made you are asked for one you already have.',
    create: 'Create passkey',
    nameHeading: 'Give it a name',
    nameText: 'So that you know later which one it is. Only you and administrators see it.',
    nameLabel: 'Name of this passkey',
    nameHint: 'Such as “Blue security key” or “Work laptop”.',
    save: 'Save name',
    secondHeading: 'Add a second one',
    secondText:
      'Devices get lost. With a second passkey on another device or a security key you stay in, and nobody has to let you in again.',
    second: 'Create a second passkey',
    skip: 'Skip for now',
    created: 'Your passkey is ready.',
    named: 'The name is saved.',
    exists: 'This device or key already holds a passkey for this account. Use another one.',
    spent: 'This link has been used or is too old. Ask your administrator for a new one.',
    notNamed: 'The name could not be saved. You can change it later on your account page.',
  },

  renew: {
    title: 'Replace a passkey',
    soon: 'Your passkey {name} has been in use for long and is to be replaced by a new one. It works for a little longer, so you can also do this another time.',
    now: 'Your passkey {name} is too old, or was not used for long, and has to be replaced by a new one before you go on.',
    whatHappens:
      'The new one takes its place: as soon as it is there the old one stops working, and what was signed in with it is signed out. You may use the same device.',
    later: 'Not now',
    recovering:
      'Once it is there your earlier passkeys stop working, and you are signed out everywhere else.',
    tooFew:
      'Everyone in your groups should have {count} passkeys, and you have fewer. Add one now.',
  },

  /** Which passkey would be kept, before the touch and after a refusal. */
  wantedKey: {
    heading: 'Which key you can use',
    refused: {
      hardware:
        'Only a hardware security key of a make your organisation trusts may be registered here.',
      deviceBound: 'Only passkeys that stay on one device may be registered here.',
      model: 'This model of key may not be registered here. Use another one.',
      own: 'Only security keys that your organisation has listed may be registered here.',
    },
    see: 'See “Which key you can use” below.',
    hardware:
      'Use a hardware security key. A passkey that is synced between devices is not accepted here.',
    deviceBound:
      'Use a passkey that stays on one device, such as a security key. One that is synced between devices is not accepted here.',
    own: 'Use the security key that your organisation gave you: its serial number is known.',
    names: 'Accepted: {names}.',
    anyOf: 'any key of {maker}',
    none: 'No model of key is accepted at the moment. Ask your administrator.',
    certification: 'The key has to be FIDO certified at level {level} or higher.',
    allow:
      'If your browser asks whether this site may see the make and model of your key, allow it.',
  },

  breakGlass: {
    title: 'For emergencies only',
    text: 'You used a passkey of {person} that is sealed for emergencies. Say why, or go back and use another one.',
    alarm: 'When you go on, an alarm is raised and what you write here is put on record.',
    reason: 'Why you use it',
    reasonHint: 'One line, such as “every key for the database is in the burnt server room”.',
    go: 'Raise the alarm and sign in',
    back: 'Use another passkey',
    messages: {
      done: 'The alarm is raised. Taking you on…',
      refused: 'That was not done. Sign in again and say why in one line.',
    },
    banner: 'Signed in with a passkey for emergencies: an alarm was raised.',
    chip: 'For emergencies',
  },

  recoveries: {
    title: 'Recoveries',
    text: 'These people have lost their passkeys, and an administrator made a link for them. It works once somebody here approves it.',
    none: 'Nobody waits to be let in again.',
    heading: 'Let {person} in again?',
    code: 'Code',
    reason: 'Reason',
    asked: 'Asked for',
    until: 'Can be approved until',
    check:
      'Approve only when you know that it is them: by a call to a number you know, or face to face. Compare the code with the administrator who asks.',
    suspend: 'Their earlier passkeys are then suspended, and they are signed out everywhere.',
    remove: 'Their earlier passkeys are then removed, and they are signed out everywhere.',
    approve: 'Approve',
    approveNamed: 'Approve: {name}',
    decline: 'Decline',
    declineNamed: 'Decline: {name}',
    own: 'This one is for you: somebody else has to decide.',
    done: 'Done.',
  },

  ticketProblem: {
    title: 'This link does not open',
    text: 'It may have been used already, be too old, or be incomplete. A link works once and for a few minutes only.',
    next: 'Ask the person who sent it for a new one. If you already have a passkey, just sign in.',
    signIn: 'Go to sign-in',
  },

  account: {
    title: 'Your account',
    signedInAs: 'Signed in as {person}',
    username: 'Username',
    groups: 'Groups',
    noGroups: 'None',
    passkeys: 'Passkeys',
    passkeysText:
      'Each of these opens your account. A synced one is copied to your other devices, a device-bound one never leaves its own.',
    oneKey: 'You have one passkey only. Add a second, so that a lost device does not lock you out.',
    lives: 'Kept in',
    livesUnknown: 'Unknown device',
    created: 'Created',
    lastUsed: 'Last used',
    never: 'Never',
    synced: 'Synced',
    bound: 'Device-bound',
    kind: 'Kind',
    rename: 'Rename',
    renameNamed: 'Rename {name}',
    newName: 'New name',
    save: 'Save',
    remove: 'Remove',
    removeNamed: 'Remove {name}',
    removeText: 'It stops working at once, and what was signed in with it is signed out.',
    removeConfirm: 'Yes, remove it',
    suspended: 'Suspended since {since}. It opens nothing; ask your administrator.',
    notRemovable: 'Your last passkey cannot be removed. Add another first.',
    add: 'Add a passkey',
    sessions: 'Sessions',
    sessionsText: 'Where you are signed in at the moment.',
    noSessions: 'No other session is open.',
    browser: 'Browser',
    application: 'Application',
    api: 'API',
    current: 'This session',
    opened: 'Opened {at}',
    seen: 'Last seen {at} from {address}',
    end: 'End',
    endNamed: 'End session {name}',
    endAll: 'Sign out everywhere',
    endAllText: 'Ends every session, this one too. Tokens already given out stop working.',
    signOut: 'Sign out',
    clients: 'Applications you allowed',
    clientScopes: 'May see: {scopes}',
    done: 'Done.',
    refused: 'That was not done. Load the page again and retry.',
  },

  approval: {
    title: 'Approve this request?',
    meaning:
      'If you approve, your key signs a fingerprint of exactly what stands above. The request then goes through once, and only as it is now.',
    asker: 'Asked by',
    request: 'Request',
    program: 'With',
    from: 'From',
    until: 'Good until',
    touches: 'Approvals',
    touchCount: '{count} of {needed}',
    approve: 'Approve with your passkey',
    deny: 'Deny',
    notMe: 'This was not me',
    notMeText:
      'Denies the request and signs out whoever asked in your name, wherever they are signed in.',
    messages: {
      approved: 'Approved. The request can go through now; you can close this page.',
      counted: 'Your approval counts. Others have to approve as well; you can close this page.',
      differs:
        'What this page shows is not what your key would sign. Nothing was approved. Close the page and tell your administrator.',
      ended: 'This request waits no more. Load the page again to see what became of it.',
    },
    ends: {
      approvedByYou: {
        title: 'You have approved this',
        text: 'Your approval counts. Others have to approve as well before the request goes through.',
      },
      approved: {
        title: 'Approved',
        text: 'The request can go through now, once. You can close this page.',
      },
      denied: {
        title: 'Denied',
        text: 'The request was not let through, and this approval cannot be used any more.',
      },
      redeemed: {
        title: 'Used',
        text: 'The request was made, and this approval cannot be used again.',
      },
      expired: {
        title: 'Too late',
        text: 'The time to approve this request is over. Whoever asked can ask again.',
      },
      unknown: {
        title: 'Nothing to approve here',
        text: 'There is no such request, or it is not for you to approve. Check that you are signed in as the right person.',
      },
      sameSession: {
        title: 'Approve this on another device',
        text: 'The request came from this very browser. Whoever drives a browser could answer for its owner, so it takes another one: open this address on your phone or another computer, and approve there.',
      },
      noKey: {
        title: 'None of your passkeys can approve this',
        text: 'It takes a hardware key whose make was verified when it was registered. Ask your administrator which key would do.',
      },
    },
    inboxTitle: 'Requests to approve',
    inboxEmpty: 'Nothing waits for you.',
    inboxMore: 'Show more',
    inboxFirst: 'Back to the beginning',
    by: 'asked by {name}',
    byYou: 'asked in your name, {name}',
    untilShort: 'until {at}',
    toAccount: 'Your account',
  },

  device: {
    title: 'Connect a device',
    heading: 'Enter the code from your device',
    text: 'A program or device showed you a short code. Enter it here to sign it in as you.',
    label: 'Code',
    hint: 'Letters and digits; upper or lower case and dashes do not matter.',
    button: 'Continue',
    confirmTitle: 'Confirm the device',
    confirmHeading: 'Sign in {client} as you?',
    warning:
      'Continue only if you started this yourself, just now. Someone who sends you a code or a link wants to get in as you.',
    code: 'Code on the device',
    codeText: 'Check that your device shows exactly this code.',
    program: 'Program',
    from: 'Asked from',
    userAgent: 'Described as',
    scopes: 'Will be able to',
    noScopes: 'Nothing beyond knowing that it is you',
    accept: 'This is me, continue',
    refuse: 'This was not me',
    doneTitle: 'Device connected',
    done: 'You are signed in on your device. You can close this page.',
    stoppedTitle: 'Stopped',
    stopped: 'The device was not signed in. If you did not start this, you need do nothing more.',
  },

  consent: {
    title: 'Allow an application',
    heading: 'Allow {client} to use your account?',
    as: 'You are signed in as {person}.',
    redirect: 'If you allow it, you go on to {host}.',
    wants: 'It asks to',
    allow: 'Allow',
    deny: 'Do not allow',
    note: 'You can take this back at any time through your administrator.',
  },

  logout: {
    title: 'Sign out',
    heading: 'Sign out?',
    asked: '{client} asks to sign you out.',
    text: 'This ends your session in this browser.',
    yes: 'Yes, sign me out',
    no: 'Stay signed in',
    doneTitle: 'Signed out',
    done: 'Your session has ended. You can close this page.',
    again: 'Sign in again',
  },

  console: {
    title: 'Console',
    text: 'Addresses of this gateway.',
    person: 'You are signed in as {person}.',
    nobody: 'Nobody is signed in.',
    links: 'Links',
  },

  refusal: {
    status: 'Status {status}',
    next: 'What you can do',
    approve: 'Open the approval page',
    goOn: 'Go on once it is approved',
    signIn: 'Sign in',
    account: 'Your account',
    signOut: 'Sign out',
    details: 'For your administrator',
    code: 'Code',
    requestId: 'Request',
  },

  error: {
    title: 'Something went wrong',
    back: 'Back to the start',
    wait: 'Wait {seconds} seconds, then try again.',
  },
}

type Texts<Of> = { readonly [Key in keyof Of]: Of[Key] extends string ? string : Texts<Of[Key]> }

/** The catalogue's shape: another language leaves nothing out. */
export type Strings = Texts<typeof english>

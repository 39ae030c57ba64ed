/*
 * The views, in the order of the navigation. A view's module is loaded when it is first shown.
 *
 * What must stay true: a module's default export has `show(context)`, and `keeps` where its element stays while only
 * the parameters of its address change. A module is named like its view's path, by which it is loaded again (load.js).
 * `under` is the view in the navigation to which a view outside it belongs. A view that `needsServer` can't show an
 * opened file.
 */

export const HOME = 'incomplete';

export const VIEWS = [
  { path: 'incomplete', title: 'Incomplete enrollments', nav: true, load: () => import('../views/incomplete.js') },
  { path: 'status', title: 'Enrollment status', nav: true, load: () => import('../views/status.js') },
  { path: 'esp', title: 'ESP', nav: true, load: () => import('../views/esp.js') },
  {
    path: 'diagnostics',
    title: 'Diagnostics',
    nav: true,
    needsServer: true,
    load: () => import('../views/diagnostics.js'),
  },
  {
    path: 'senders',
    title: 'Senders',
    nav: true,
    needsServer: true,
    load: () => import('../views/senders.js'),
  },
  { path: 'files', title: 'Files', nav: true, needsServer: true, load: () => import('../views/files.js') },
  { path: 'account', title: 'Account', needsServer: true, load: () => import('../views/account.js') },
  { path: 'attempts', title: 'Attempts', under: 'incomplete', load: () => import('../views/attempts.js') },
  { path: 'attempt', title: 'Attempt', under: 'incomplete', load: () => import('../views/attempt.js') },
  {
    path: 'profiles',
    title: 'ESP profiles',

    under: 'esp',
    needsServer: true,
    load: () => import('../views/profiles.js'),
  },
  { path: 'sessions', title: 'ESP sessions', under: 'esp', load: () => import('../views/sessions.js') },
  { path: 'session', title: 'ESP session', under: 'esp', load: () => import('../views/session.js') },
  {
    path: 'device',
    title: 'Device on the ESP',

    under: 'esp',
    needsServer: true,
    load: () => import('../views/device.js'),
  },
  {
    path: 'profile',
    title: 'ESP profile',

    under: 'esp',
    needsServer: true,
    load: () => import('../views/profile.js'),
  },
];

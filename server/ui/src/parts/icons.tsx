import type { ComponentChildren } from 'preact'

// The icons say nothing that the words beside them do not.
const Icon = ({ children }: { children: ComponentChildren }) => (
  <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">{children}</svg>
)

export const Plus = () => <Icon><path d="M8 3v10M3 8h10" /></Icon>
export const Cross = () => <Icon><path d="m4 4 8 8M12 4l-8 8" /></Icon>
export const Check = () => <Icon><path d="m3 8.5 3.5 3.5L13 4.5" /></Icon>
export const Search = () => <Icon><circle cx="7" cy="7" r="4" /><path d="m10 10 3.5 3.5" /></Icon>
export const Copy = () => <Icon><rect x="5.5" y="5.5" width="8" height="8" rx="1.5" /><path d="M3 10.5A.5.5 0 0 1 2.5 10V4A1.5 1.5 0 0 1 4 2.500h6a.5.5 0 0 1 .5.5" /></Icon>
export const Back = () => <Icon><path d="M13 8H3m4-4L3 8l4 4" /></Icon>
export const Alert = () => <Icon><path d="M8 2 1.500 13.500h13zM8 6.500v3M8 11.500v.1" /></Icon>
export const Info = () => <Icon><circle cx="8" cy="8" r="6" /><path d="M8 7.500v3.500M8 5v.1" /></Icon>
export const Down = () => <Icon><path d="M8 2.500v8m-3.500-3L8 11l3.500-3.500M3 13.500h10" /></Icon>
export const Chevron = () => <Icon><path d="m4 6 4 4 4-4" /></Icon>

export const History = () => <Icon><path d="M2.500 8a5.500 5.500 0 1 0 1.700-4L2.500 5.500m0-3v3h3M8 5v3l2 1.500" /></Icon>

export const Logo = () => (
  <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="8" />
    <path d="M11 8v16M21 9l-9 8 9 7" />
  </svg>
)

/**
 * Lists the emojis of the picker by group, with their search words. The list is a selection, so that the page stays small. The
 * page also shows reactions with other emojis.
 */
export interface Emoji {
  readonly emoji: string
  readonly name: string
}

export interface EmojiGroup {
  readonly name: string
  readonly emojis: readonly Emoji[]
}

/** The emojis of each group, one per line: the emoji, its name, and further search words after a slash. */
const GROUPS: readonly (readonly [name: string, lines: string])[] = [
  [
    'Faces',
    `😀 grinning/happy smile
😄 smiling eyes/happy laugh
😂 tears of joy/laugh funny lol
🤣 rolling on the floor/laugh rofl
🙂 slight smile
😉 wink
😊 blush/happy shy
😍 heart eyes/love
🥰 smiling with hearts/love
😘 kiss
😋 yum/tasty food
😜 winking tongue/silly
🤔 thinking/hmm
🤨 raised eyebrow/doubt
😐 neutral
🙄 rolling eyes
😏 smirk
😮 surprised/wow open mouth
😲 astonished/wow
😳 flushed/embarrassed
🥺 pleading/please
😢 crying/sad tear
😭 sobbing/cry sad
😤 huffing/annoyed
😡 angry/mad
🤬 cursing/swearing
😱 screaming/fear shock
😰 anxious/nervous sweat
😅 sweat smile/relief phew
😌 relieved
😴 sleeping/tired zzz
🥱 yawning/tired bored
🤒 ill/sick thermometer
🤯 exploding head/mind blown
🥳 party face/celebrate birthday
😎 sunglasses/cool
🤓 nerd/glasses
🫠 melting
🫡 salute/yes
🤗 hug
🤫 shush/quiet
🤐 zipped mouth/secret
🙃 upside down
😇 halo/angel
🤖 robot/bot
👻 ghost
💀 skull/dead
💩 poo
🙈 see no evil/monkey`
  ],
  [
    'People',
    `👍 thumbs up/yes like +1 agree
👎 thumbs down/no dislike -1
👌 OK/okay fine
✌️ victory/peace
🤞 crossed fingers/luck hope
🤝 handshake/deal agree
👏 clapping/applause bravo
🙌 raised hands/hooray
🙏 folded hands/please thanks pray
💪 strong/muscle
👋 waving/hello bye
🤷 shrug/no idea
🤦 facepalm
🫶 heart hands/love
👀 eyes/look watching
🧠 brain/think
🏃 running/hurry
🧑‍💻 at the computer/code developer work`
  ],
  [
    'Hearts and signs',
    `❤️ heart/love red
🧡 orange heart
💛 yellow heart
💚 green heart
💙 blue heart
💜 purple heart
🖤 black heart
💔 broken heart
💯 hundred/perfect
✅ check mark/done yes
☑️ checked box/done
❌ cross mark/no wrong
❓ question
❗ exclamation/important
⚠️ warning
🚫 prohibited/no
➕ plus/add
➖ minus
♻️ recycling
🔥 fire/hot
✨ sparkles/new
⭐ star
⚡ lightning/fast
💡 idea/light bulb
💬 speech/comment
🔔 bell
🔒 locked/secure
🔑 key`
  ],
  [
    'Animals and nature',
    `🐶 dog
🐱 cat
🦊 fox
🐻 bear
🐼 panda
🐸 frog
🐢 turtle/slow
🐙 octopus
🦄 unicorn
🐝 bee
🐛 bug/caterpillar
🦆 duck
🐧 penguin
🌱 seedling/plant grow
🌳 tree
🌸 blossom/flower
🌻 sunflower
🍀 clover/luck
🌈 rainbow
☀️ sun/weather
🌙 moon/night
❄️ snowflake/cold winter
🌊 wave/sea
🌍 world/earth globe`
  ],
  [
    'Food',
    `☕ coffee/tea hot drink
🍵 tea
🍺 beer
🍻 cheers/beer
🥂 clinking glasses/cheers
🍷 wine
🍕 pizza
🍔 burger
🍟 fries
🥗 salad
🍣 sushi
🍰 cake
🎂 birthday cake
🍪 cookie
🍫 chocolate
🍿 popcorn
🍎 apple
🍌 banana
🍓 strawberry
🥑 avocado`
  ],
  [
    'Activities and things',
    `🎉 party/celebrate tada hooray
🎊 confetti/celebrate
🎈 balloon/birthday
🎁 gift/present
🏆 trophy/win
🥇 gold medal/first win
🎯 target/goal
⚽ football/soccer
🎮 game
🎵 music/note
🎸 guitar
🎨 art/paint
📷 camera/photo
💻 laptop/computer
📱 phone
🐞 ladybird/bug
🔧 wrench/fix tool
🔨 hammer/build
⚙️ gear/settings
🧪 test/experiment
📌 pin
📎 paper clip
📝 note/write memo
📚 books/read
📈 chart up/growth
📉 chart down
📅 calendar/date
⏰ alarm clock/time
⏳ hourglass/wait
🚀 rocket/launch ship
🚢 ship
🚗 car
🚲 bicycle
✈️ plane/travel
🏠 house/home
🏖️ beach/holiday
💰 money
🗑️ bin/delete trash`
  ]
]

interface Entry extends Emoji {
  readonly words: string
}

const entries: readonly { readonly name: string; readonly emojis: readonly Entry[] }[] = GROUPS.map(
  ([name, lines]) => ({
    name,
    emojis: lines.split('\n').map(line => {
      const [emoji = '', ...rest] = line.split(' ')
      const words = rest.join(' ')
      return { emoji, name: words.split('/', 1)[0] ?? '', words: ` ${words.replace('/', ' ')}`.toLowerCase() }
    })
  })
)

/**
 * Returns the groups with the emojis that match every word of the query. A word matches an emoji if it is the emoji itself or
 * the beginning of one of the emoji's search words. Omits empty groups.
 */
export const searchEmojis = (query: string): readonly EmojiGroup[] => {
  const wanted = query.toLowerCase().split(/\s+/).filter(Boolean)
  return entries
    .map(({ name, emojis }) => ({
      name,
      emojis: emojis.filter(({ emoji, words }) => wanted.every(word => words.includes(` ${word}`) || emoji === word))
    }))
    .filter(({ emojis }) => emojis.length > 0)
}

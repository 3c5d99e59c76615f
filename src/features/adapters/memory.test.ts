import { onlineStoreContract } from '../contract.ts'
import { createMemoryOnline } from './memory.ts'

onlineStoreContract(createMemoryOnline)
